package chaos

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/world"
)

// sweeper does what a real coordinator does and the embedded broker leaves out: a member whose connection
// broke while it waited in JoinGroup or SyncGroup is dropped when its session has run out. Without it the
// others, who ask again for as long as they must, would wait for the dead one for ever, or it would keep what it
// was assigned. And a rebalance ends with its time-out there, which JoinGroups that are sent again don't begin
// anew: so they are held back for as long where one doesn't end. And a SyncGroup is a sign of life there, as a heartbeat
// is. Without that a member is dropped that came back in time, while its lease, which counts from the SyncGroup, holds.
type sweeper struct {
	r *Run

	since time.Time // when the group began to rebalance; zero: it doesn't

	mu   sync.Mutex // guards what follows; the broker asks for it, so nothing is asked of the broker under it
	seen map[string]time.Time
	hush time.Time // no JoinGroup reaches the broker before
}

// silence is how long a member that is alive can be quiet: its heartbeats and its JoinGroup, which waits
// for the rebalance time-out of at most 10 s and then is sent again, come far more often.
const silence = 25 * time.Second

func newSweeper(r *Run) *sweeper {
	x := &sweeper{r: r, seen: map[string]time.Time{}}
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat} {
		r.Cluster.ControlKey(int16(key), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			x.note(q)
			if q, ok := q.(*kmsg.JoinGroupRequest); ok && q.MemberID == "" && q.InstanceID != nil {
				r.displace(*q.InstanceID)
			}
			if q, ok := q.(*kmsg.SyncGroupRequest); ok {
				go x.beat(q)
			}
			return nil, nil, x.held(q)
		})
	}
	return x
}

// beat is a heartbeat of the member that sent q, by which the embedded broker notices that it is alive.
func (x *sweeper) beat(q *kmsg.SyncGroupRequest) {
	b := kmsg.NewPtrHeartbeatRequest()
	b.Version, b.Group, b.Generation, b.MemberID, b.InstanceID = 3, q.Group, q.Generation, q.MemberID, q.InstanceID
	// Whatever comes of it: where the group has another generation by now, the SyncGroup was no sign of life either.
	_, _ = x.r.Ask(x.r.Cluster.CoordinatorFor(world.Group), b)
}

func (x *sweeper) note(q kmsg.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch q := q.(type) {
	case *kmsg.JoinGroupRequest:
		x.seen[q.MemberID] = time.Now()
	case *kmsg.SyncGroupRequest:
		x.seen[q.MemberID] = time.Now()
	case *kmsg.HeartbeatRequest:
		x.seen[q.MemberID] = time.Now()
	}
}

// held says that the request must not reach the broker now.
func (x *sweeper) held(q kmsg.Request) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, join := q.(*kmsg.JoinGroupRequest)
	return join && time.Now().Before(x.hush)
}

// longest is how long a rebalance may take: the longest rebalance time-out, and a second.
const longest = 11 * time.Second

// wait holds JoinGroups back if the group rebalances for longer than a real one can.
func (x *sweeper) wait(state string) {
	switch {
	case state != "PreparingRebalance":
		x.since = time.Time{}
	case x.since.IsZero():
		x.since = time.Now()
	case time.Since(x.since) > 2*longest:
		x.since = time.Now()
		x.mu.Lock()
		x.hush = time.Now().Add(longest)
		x.mu.Unlock()
		x.r.note("the group rebalances for too long: nobody joins for %v", longest)
		x.r.cover.seen("group", "a rebalance without an end, ended")
	}
}

// sweep drops the members that are dead.
func (x *sweeper) sweep() {
	info := x.r.Cluster.GroupInfo(world.Group)
	if info == nil {
		return
	}
	x.wait(info.State)
	var dead []string
	x.mu.Lock()
	for _, m := range info.Members {
		if x.seen[m.MemberID].IsZero() {
			x.seen[m.MemberID] = time.Now() // it asked without knowing its name
		}
		if time.Since(x.seen[m.MemberID]) > silence {
			dead = append(dead, m.MemberID)
		}
	}
	x.mu.Unlock()
	for _, member := range dead {
		q := kmsg.NewPtrLeaveGroupRequest()
		q.Group, q.MemberID = world.Group, member
		_, err := x.r.Ask(x.r.Cluster.CoordinatorFor(world.Group), q)
		x.r.note("dead member %s dropped: %v", member, err)
		x.r.cover.seen("group", "a member dropped that died in a rebalance")
	}
}

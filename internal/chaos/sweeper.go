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
// was assigned.
type sweeper struct {
	r *Run

	mu   sync.Mutex // guards seen; the broker asks for it, so nothing is asked of the broker under it
	seen map[string]time.Time
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
			return nil, nil, false
		})
	}
	return x
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

// sweep drops the members that are dead.
func (x *sweeper) sweep() {
	info := x.r.Cluster.GroupInfo(world.Group)
	if info == nil {
		return
	}
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

package world

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// sweeper does what a real coordinator does and the embedded broker leaves out: a member whose connection
// broke while it waited in JoinGroup or SyncGroup is dropped when its session has run out. Without it the
// others, who ask again for as long as they must, would wait for the dead one for ever.
type sweeper struct {
	w *World

	mu   sync.Mutex // guards seen; the broker asks for it, so nothing is asked of the broker under it
	seen map[string]time.Time
}

// silence is how long a member that is alive can be quiet: its heartbeats and its JoinGroup, which waits
// for the rebalance time-out of 8 s and then is sent again, come far more often.
const silence = 25 * time.Second

func newSweeper(w *World) *sweeper {
	x := &sweeper{w: w, seen: map[string]time.Time{}}
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat} {
		w.Cluster.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
			w.Cluster.KeepControl()
			x.note(r)
			return nil, nil, false
		})
	}
	return x
}

func (x *sweeper) note(r kmsg.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		x.seen[r.MemberID] = time.Now()
	case *kmsg.SyncGroupRequest:
		x.seen[r.MemberID] = time.Now()
	case *kmsg.HeartbeatRequest:
		x.seen[r.MemberID] = time.Now()
	}
}

// sweep drops the members that are dead.
func (x *sweeper) sweep() {
	info := x.w.Cluster.GroupInfo(Group)
	if info == nil || info.State != "PreparingRebalance" {
		return
	}
	var dead []string
	x.mu.Lock()
	for _, m := range info.Members {
		if time.Since(x.seen[m.MemberID]) > silence {
			dead = append(dead, m.MemberID)
		}
	}
	x.mu.Unlock()
	for _, member := range dead {
		for _, broker := range x.w.Cluster.ListenAddrs() { // the coordinator is one of them
			x.drop(broker, member)
		}
	}
}

func (x *sweeper) drop(broker, member string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := x.w.dial(ctx, "tcp", broker)
	if err != nil {
		return // the next sweep tries again
	}
	defer func() { _ = conn.Close() }()
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Group, r.MemberID = Group, member
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, r, 1)); err == nil {
		_, _ = conn.Read(make([]byte, 100))
	}
}

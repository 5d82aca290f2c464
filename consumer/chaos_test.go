package consumer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/event"
)

// ledger is what the world could see of attempts, over all workers.
type ledger struct {
	t *testing.T

	mu    sync.Mutex
	began map[place]*attempt // the last of each record
	done  map[place]bool     // settled by somebody
}

type place struct {
	partition int32
	offset    int64
}

type attempt struct {
	at    time.Time
	by    string
	ended bool
}

const attemptLasts = 5 * time.Second // the request time-out

// begin checks an attempt against all before it.
func (l *ledger) begin(by string, r *event.Record) *attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := place{r.Partition, r.Offset}
	if before := l.began[at]; before != nil {
		if !r.InDoubt {
			l.t.Errorf("I5: %s sends %v without doubt, though %s did %v ago", by, at, before.by, time.Since(before.at))
		}
		if !before.ended && time.Since(before.at) < attemptLasts {
			l.t.Errorf("%s sends %v while an attempt of %s, begun %v ago, may still be taken", by, at, before.by, time.Since(before.at))
		}
	}
	a := &attempt{at: time.Now(), by: by}
	l.began[at] = a
	return a
}

// sending is a double of the wiring whose attempts last.
type sending struct {
	*worker // set before made is closed
	made    chan struct{}
	name    string
	l       *ledger
	rand    *rand.Rand // guarded by mu

	mu     sync.Mutex
	claims map[int32]*sentClaim
}

type sentClaim struct {
	epoch    uint64
	ctx      context.Context
	lose     context.CancelFunc
	revoked  chan struct{}
	underway sync.WaitGroup
}

func (s *sending) notify(n Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c := s.claims[n.Partition]; n.Kind {
	case Assigned:
		ctx, lose := context.WithCancel(context.Background())
		s.claims[n.Partition] = &sentClaim{epoch: n.Epoch, ctx: ctx, lose: lose, revoked: make(chan struct{})}
	case Records:
		for i := range n.Records {
			lasts := time.Duration(s.rand.Int64N(int64(attemptLasts)))
			c.underway.Go(func() { s.relay(c, &n.Records[i], lasts) })
		}
	case Revoking:
		close(c.revoked)
		go func() {
			c.underway.Wait()
			<-s.made
			s.Drained(n.Partition, n.Epoch)
			c.lose()
		}()
	case Lost:
		c.lose()
	}
}

// relay is one record's way: it waits for its time and for the lease, is sent, and settled.
func (s *sending) relay(c *sentClaim, r *event.Record, lasts time.Duration) {
	<-s.made // records may come before start has returned
	wait := time.Until(r.NotBefore)
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.revoked:
			return
		case <-time.After(wait):
		}
		if s.Begin(r) {
			break
		}
		wait = 100 * time.Millisecond
	}
	a := s.l.begin(s.name, r)
	time.Sleep(lasts)
	if c.ctx.Err() != nil {
		return // nobody knows of its end
	}
	s.l.mu.Lock()
	a.ended = true
	s.l.done[place{r.Partition, r.Offset}] = true
	s.l.mu.Unlock()
	s.Settle(r)
}

// Workers come, go, crash, and are cut off; requests are lost; and whatever happens: nothing that may have
// been sent is sent again without saying so, nor while it may still be taken, and nothing is left behind.
func TestI4AndI5HoldWhateverHappens(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
		})
	}
}

func chaos(t *testing.T, seed uint64) {
	c := &crowd{rig: newRig(t, seeded(crowdPartitions)), seed: seed, random: rand.New(rand.NewPCG(seed, 7)), free: []string{"a", "b", "c", "d"}}
	c.ledger = &ledger{t: t, began: map[place]*attempt{}, done: map[place]bool{}}
	c.lossy = c.rig.lossy(seed)
	c.start()
	c.lossy.sweeper.run(c.rig)
	for range 60 {
		for p := range crowdPartitions {
			c.publish(p, 5)
		}
		time.Sleep(time.Duration(c.random.Int64N(int64(6 * time.Second))))
		c.mishap()
	}
	c.lossy.Store(false)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("group %+v", c.GroupInfo(groupID))
			for _, s := range c.alive {
				t.Logf("%s: ready %v, stats %+v", s.name, s.Ready(), s.Stats())
			}
		}
	})
	await(t, "every record settled and committed", 10*time.Minute, func() bool {
		for p := range int32(crowdPartitions) {
			if commit, _ := c.stored(p); commit.Offset != 60*5 {
				return false
			}
		}
		return true
	})
	c.ledger.mu.Lock()
	if n := len(c.ledger.done); n != 60*5*crowdPartitions {
		t.Errorf("%d of %d settled", n, 60*5*crowdPartitions)
	}
	c.ledger.mu.Unlock()
	for _, s := range c.alive {
		s.kill()
		for _, x := range s.claims {
			x.lose()
		}
	}
}

const crowdPartitions = 4

// crowd is a changing set of workers.
type crowd struct {
	*rig
	seed   uint64
	random *rand.Rand
	ledger *ledger
	lossy  *toggle
	alive  []*sending
	free   []string // names; with an odd seed they are instance ids
}

// mishap lets one thing happen.
func (c *crowd) mishap() {
	switch c.random.IntN(6) {
	case 0, 1:
		c.start()
	case 2:
		c.end(func(s *sending) { s.kill() })
	case 3:
		c.end(func(s *sending) {
			ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
			defer cancel()
			if err := s.Drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				c.t.Error(err)
			}
			<-s.done
		})
	case 4:
		link := c.alive[c.random.IntN(len(c.alive))].link
		link.set(true, c.random.IntN(2) == 0)
		time.AfterFunc(time.Duration(c.random.Int64N(int64(time.Minute))), func() { link.set(false, true) })
	case 5:
		c.lossy.Store(!c.lossy.Load())
	}
}

func (c *crowd) start() {
	if len(c.free) == 0 {
		return
	}
	s := &sending{made: make(chan struct{}), name: c.free[0], l: c.ledger, claims: map[int32]*sentClaim{}, rand: rand.New(rand.NewPCG(c.seed, c.random.Uint64()))}
	c.free = c.free[1:]
	s.worker = c.rig.start(func(cfg *Config) {
		cfg.Notify = s.notify
		if c.seed%2 == 1 {
			cfg.InstanceID = s.name
		}
	})
	close(s.made)
	c.alive = append(c.alive, s)
}

// end ends any worker but the last.
func (c *crowd) end(how func(*sending)) {
	if len(c.alive) < 2 {
		return
	}
	i := c.random.IntN(len(c.alive))
	s := c.alive[i]
	c.alive = append(c.alive[:i], c.alive[i+1:]...)
	how(s)
	c.free = append(c.free, s.name)
}

// lossy leaves some requests unanswered, or ends their connections, while it is on. The answer is lost
// after the broker has acted where a worker is cut off.
func (g *rig) lossy(seed uint64) *toggle {
	on := &toggle{random: rand.New(rand.NewPCG(seed, 13)), sweeper: &sweeper{seen: map[string]time.Time{}}}
	g.control(-1, func(r kmsg.Request) (kmsg.Response, error, bool) {
		switch kmsg.Key(r.Key()) {
		case kmsg.Produce, kmsg.Metadata, kmsg.ApiVersions:
			return nil, nil, false
		}
		switch on.draw() {
		case 0:
			return nil, nil, true
		case 1:
			return nil, errors.New("connection lost"), true
		}
		return nil, nil, on.sweeper.held(r)
	})
	return on
}

// sweeper does what a real coordinator does and this broker leaves out where a connection broke while its
// member waited in JoinGroup or SyncGroup: the session of such a member runs out, and a rebalance ends
// with its time-out, which JoinGroups that are sent again don't begin anew.
type sweeper struct {
	mu   sync.Mutex
	seen map[string]time.Time // the last request of each member
	hush time.Time            // no JoinGroup reaches the broker before
}

// held notes a request; true: it must not reach the broker now.
func (x *sweeper) held(r kmsg.Request) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		x.seen[r.MemberID] = time.Now()
		return time.Now().Before(x.hush)
	case *kmsg.SyncGroupRequest:
		x.seen[r.MemberID] = time.Now()
	case *kmsg.HeartbeatRequest:
		x.seen[r.MemberID] = time.Now()
	}
	return false
}

// sweep looks at the group once; since is when it began to rebalance. What asks the broker holds no lock,
// since the broker asks held.
func (x *sweeper) sweep(g *rig, since time.Time) time.Time {
	info := g.GroupInfo(groupID)
	if info == nil || info.State != "PreparingRebalance" {
		since = time.Time{}
	} else if since.IsZero() {
		since = time.Now()
	}
	for _, member := range x.dead(info) {
		g.remove(member)
	}
	if since.IsZero() || time.Since(since) < 130*time.Second {
		return since
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.hush = time.Now().Add(61 * time.Second)
	return time.Time{}
}

// dead lists members of which nothing came for longer than a session, and than a JoinGroup may wait.
func (x *sweeper) dead(info *kfake.GroupInfo) (members []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if info == nil {
		return nil
	}
	for _, m := range info.Members {
		if time.Since(x.seen[m.MemberID]) > 70*time.Second {
			members = append(members, m.MemberID)
		}
	}
	return members
}

func (x *sweeper) run(g *rig) {
	ctx, cancel := context.WithCancel(context.Background())
	g.t.Cleanup(cancel)
	go func() {
		var since time.Time
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(5 * time.Second):
				since = x.sweep(g, since)
			}
		}
	}()
}

// remove takes a member out of the group.
func (g *rig) remove(member string) {
	conn, err := g.net.DialContext(g.t.Context(), "tcp", g.ListenAddrs()[0])
	if err != nil {
		return
	}
	defer conn.Close()
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Group, r.MemberID = groupID, member
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, r, 1)); err == nil {
		conn.Read(make([]byte, 100))
	}
}

type toggle struct {
	mu     sync.Mutex
	on     bool
	random *rand.Rand

	sweeper *sweeper
}

func (x *toggle) Load() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.on
}

func (x *toggle) Store(on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.on = on
}

func (x *toggle) draw() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.on {
		return -1
	}
	return x.random.IntN(15)
}

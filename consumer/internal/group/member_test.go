package group

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"roomrelay/internal/fetch"
)

// broker is an embedded broker on a network of the bubble's own.
type broker struct {
	*kfake.Cluster
	net       kfake.VirtualNetwork
	transport *kafka.Transport
}

func newBroker(t *testing.T, opts ...kfake.Opt) *broker {
	t.Helper()
	b := &broker{}
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.ListenFn(b.net.Listen)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	b.Cluster = c
	b.transport = &kafka.Transport{Dial: b.net.DialContext, MetadataTTL: time.Second, MetadataTopics: []string{"chat"}}
	t.Cleanup(func() {
		b.transport.CloseIdleConnections()
		c.Close()
	})
	return b
}

// double owns what it is assigned, and gives up at once what it isn't, unless it is told to hold on.
type double struct {
	member *Member
	cancel context.CancelFunc
	done   chan error

	mu    sync.Mutex
	owned []int32
	kept  map[int32]int // for how many assignments in a row each partition was owned
	lost  []error
	// ids of the topics that took the former one's place
	remade []fetch.TopicID
	hold   bool // gives nothing up
}

func (d *double) Owned() []int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.owned)
}

func (d *double) Assign(partitions []int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.owned {
		if !slices.Contains(partitions, p) {
			delete(d.kept, p)
			if d.hold {
				return
			}
			d.member.Rejoin("given up")
		}
	}
	for _, p := range partitions {
		d.kept[p]++
	}
	d.owned = partitions
}

func (d *double) Remade(id fetch.TopicID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remade = append(d.remade, id)
}

func (d *double) Lost(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owned, d.kept = nil, map[int32]int{}
	d.lost = append(d.lost, err)
}

func (b *broker) member(t *testing.T, change ...func(*Config)) *double {
	t.Helper()
	d := &double{kept: map[int32]int{}, done: make(chan error, 1)}
	cfg := Config{
		Transport: b.transport, Addr: kafka.TCP(b.ListenAddrs()...), Topic: "chat", Group: "g", ClientID: "test",
		SessionTimeout: 45 * time.Second, RebalanceTimeout: 60 * time.Second, RequestTimeout: 5 * time.Second, Lease: 15 * time.Second,
		Wall: time.Now, Claims: d, Log: zerolog.New(io.Discard),
	}
	if testing.Verbose() {
		cfg.Log = zerolog.New(zerolog.NewTestWriter(t))
	}
	for _, f := range change {
		f(&cfg)
	}
	d.member = New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	d.cancel = cancel
	over := make(chan struct{})
	go func() {
		defer close(over)
		d.done <- d.member.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	return d
}

func TestMembersShareAndWhatStaysIsNotInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, kfake.SeedTopics(6, "chat"))
		first := b.member(t)
		time.Sleep(time.Second)
		if got := first.Owned(); len(got) != 6 || !first.member.Leased() || first.member.Err() != nil {
			t.Fatalf("alone: owns %v, leased %v, %v", got, first.member.Leased(), first.member.Err())
		}
		second := b.member(t)
		time.Sleep(20 * time.Second)
		if x, y := first.Owned(), second.Owned(); len(x) != 3 || len(y) != 3 {
			t.Fatalf("two own %v and %v", x, y)
		}
		third := b.member(t)
		time.Sleep(20 * time.Second)
		x, y, z := first.Owned(), second.Owned(), third.Owned()
		all := slices.Sorted(slices.Values(slices.Concat(x, y, z)))
		if len(x) != 2 || len(y) != 2 || !slices.Equal(all, []int32{0, 1, 2, 3, 4, 5}) {
			t.Fatalf("three own %v, %v and %v", x, y, z)
		}
		for _, p := range x {
			if first.kept[p] < 3 {
				t.Fatalf("partition %d of the first member was interrupted", p)
			}
		}
		if len(first.lost)+len(second.lost)+len(third.lost) != 0 {
			t.Fatal("a member was dropped")
		}
		if err := third.member.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		third.cancel()
		time.Sleep(10 * time.Second)
		if x, y := first.Owned(), second.Owned(); len(x) != 3 || len(y) != 3 {
			t.Fatalf("after one left: %v and %v", x, y)
		}
	})
}

func TestAPartitionIsNotGivenAwayBeforeItsOwnerLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, kfake.SeedTopics(2, "chat"))
		first := b.member(t)
		time.Sleep(time.Second)
		first.mu.Lock()
		first.hold = true
		first.mu.Unlock()
		second := b.member(t)
		time.Sleep(30 * time.Second)
		if got := second.Owned(); len(got) != 0 {
			t.Fatalf("%v given away while it was still owned", got)
		}
		first.mu.Lock()
		first.hold, first.owned = false, []int32{0}
		first.mu.Unlock()
		first.member.Rejoin("let go")
		time.Sleep(10 * time.Second)
		if got := second.Owned(); !slices.Equal(got, []int32{1}) {
			t.Fatalf("second owns %v", got)
		}
	})
}

func TestNewPartitionsAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		d := b.member(t)
		time.Sleep(5 * time.Second)
		if err := d.member.Err(); err == nil || !strings.Contains(err.Error(), `"chat" doesn't exist`) {
			t.Fatalf("no topic: %v", err)
		}
		b.CreateTopic("chat", 2, nil)
		time.Sleep(5 * time.Second)
		if got := d.Owned(); len(got) != 2 || d.member.Err() != nil || d.member.Total() != 2 {
			t.Fatalf("topic created: owns %v, %v", got, d.member.Err())
		}
	})
}

func TestAFrozenCoordinatorEndsTheLeaseButNotTheMembership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, kfake.SeedTopics(2, "chat"))
		d := b.member(t)
		time.Sleep(time.Second)
		b.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
			b.KeepControl()
			return nil, nil, true // never answered, but taken: the session goes on
		})
		time.Sleep(14*time.Second - time.Second)
		if !d.member.Leased() {
			t.Fatal("lease over before its time")
		}
		time.Sleep(6 * time.Second)
		if d.member.Leased() || d.member.Err() == nil {
			t.Fatal("leased without an answered heartbeat")
		}
		if len(d.Owned()) != 2 || len(d.lost) != 0 {
			t.Fatal("an unanswered heartbeat was taken for a lost membership")
		}
	})
}

func TestAStaticMemberComesBackWithoutARebalance(t *testing.T) {
	for name, versions := range map[string]*kversion.Versions{"newest": nil, "without SkipAssignment": kversion.V3_1_0()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := []kfake.Opt{kfake.SeedTopics(4, "chat")}
				if versions != nil {
					opts = append(opts, kfake.MaxVersions(versions))
				}
				b := newBroker(t, opts...)
				a, z := b.member(t, named("a")), b.member(t, named("z"))
				time.Sleep(20 * time.Second)
				old := a.Owned()
				if len(old) != 2 || len(z.Owned()) != 2 {
					t.Fatalf("own %v and %v", old, z.Owned())
				}
				a.cancel()
				<-a.done
				a = b.member(t, named("a"))
				time.Sleep(20 * time.Second)
				if !slices.Equal(a.Owned(), old) || len(z.Owned()) != 2 || len(z.lost) != 0 {
					t.Fatalf("after the restart: %v (was %v) and %v", a.Owned(), old, z.Owned())
				}
			})
		})
	}
}

// A leader that comes back is asked for no plan. It finds out whether the one that stands is still good. (It is alone here,
// since the embedded broker lets a member come back without a rebalance only if it joins as it did before.)
func TestAStaticLeaderComesBackAndPlansWhereTheOldPlanIsNoGood(t *testing.T) {
	for name, x := range map[string]struct {
		meanwhile func(*testing.T, *broker)
		owns      int
		plans     bool
	}{
		"nothing has changed":    {func(*testing.T, *broker) {}, 4, false},
		"partitions were added":  {grow, 6, true},
		"the plan can't be read": {deafToDescribe, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t, kfake.SeedTopics(4, "chat"))
				a := b.member(t, named("a"))
				time.Sleep(20 * time.Second)
				before := b.GroupInfo("g").Epoch
				a.cancel()
				<-a.done
				x.meanwhile(t, b)
				a = b.member(t, named("a"))
				time.Sleep(20 * time.Second)
				if n := len(a.Owned()); n != x.owns {
					t.Errorf("owns %d partitions", n)
				}
				if now := b.GroupInfo("g").Epoch; (now != before) != x.plans {
					t.Errorf("generation %d, and then %d", before, now)
				}
			})
		})
	}
}

func named(id string) func(*Config) { return func(c *Config) { c.InstanceID = id } }

func deafToDescribe(_ *testing.T, b *broker) {
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeGroups}, Err: kerr.CoordinatorLoadInProgress, Count: 1})
}

// grow gives the topic two partitions more.
func grow(t *testing.T, b *broker) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(b.ListenAddrs()...), Transport: b.transport}
	answer, err := client.CreatePartitions(t.Context(), &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: "chat", Count: 6}}})
	if err != nil || answer.Errors["chat"] != nil {
		t.Fatal(answer, err)
	}
}

func TestAFencedInstanceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, kfake.SeedTopics(2, "chat"))
		old := b.member(t, named("a"))
		time.Sleep(5 * time.Second)
		b.member(t, named("a"))
		if err := <-old.done; !errors.Is(err, ErrFenced) {
			t.Fatalf("ended with %v", err)
		}
		if len(old.Owned()) != 0 || old.member.Leased() {
			t.Fatal("a fenced member still owns partitions")
		}
	})
}

func TestASessionTimeoutThatTheBrokerRefusesIsSaidAloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, kfake.SeedTopics(2, "chat"), kfake.GroupMaxSessionTimeout(30*time.Second))
		if err := <-b.member(t).done; err == nil || !strings.Contains(err.Error(), "session-timeout 45s") {
			t.Fatalf("ended with %v", err)
		}
	})
}

func TestADroppedMemberJoinsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, kfake.SeedTopics(2, "chat"))
		d := b.member(t)
		time.Sleep(time.Second)
		b.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
			b.DropControl()
			res := req.ResponseKind().(*kmsg.HeartbeatResponse)
			res.ErrorCode = int16(kafka.UnknownMemberId)
			return res, nil, true
		})
		time.Sleep(3 * time.Second)
		d.mu.Lock()
		lost := len(d.lost)
		d.mu.Unlock()
		if lost != 1 {
			t.Fatalf("lost %d times", lost)
		}
		time.Sleep(60 * time.Second) // the old member id, which the broker still knows, has to expire
		if got := d.Owned(); len(got) != 2 || !d.member.Leased() {
			t.Fatalf("owns %v, %v", got, d.member.Err())
		}
	})
}

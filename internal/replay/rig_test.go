package replay

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/internal/cluster"
	"roomrelay/internal/fetch"
)

// rig is a broker with a topic of three partitions and its dead-letter topic, and a group that settles what it
// is told to.
type rig struct {
	*kfake.Cluster
	t         *testing.T
	transport *kafka.Transport

	mu      sync.Mutex // guards what follows
	pace    int        // replayed records that are settled each time somebody looks; -1: all
	settled map[deadletter.Place]bool
	inHand  map[deadletter.Place]bool
	lag     int64
	looks   int
}

func inRig(t *testing.T, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := &kfake.VirtualNetwork{}
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(network.Listen), kfake.SeedTopics(3, "chat", "dlq.chat", "other"))
		if err != nil {
			t.Fatal(err)
		}
		x := &rig{Cluster: c, t: t, pace: -1, settled: map[deadletter.Place]bool{}, inHand: map[deadletter.Place]bool{}}
		x.transport = &kafka.Transport{Dial: network.DialContext, MetadataTTL: time.Second}
		defer func() {
			x.transport.CloseIdleConnections()
			c.Close()
		}()
		test(x)
	})
}

func (x *rig) addr() net.Addr { return kafka.TCP(x.ListenAddrs()...) }

func (x *rig) desk() *deadletter.Desk {
	c := &cluster.Client{Transport: x.transport, Addr: x.addr(), Patience: 5 * time.Second}
	return &deadletter.Desk{Client: c, Topic: "dlq.chat", Source: "chat", Group: "g", Progress: x.progress}
}

// progress settles some of what is new, and tells what is.
func (x *rig) progress(context.Context, string, string) (deadletter.Progress, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.looks++
	left := x.pace
	for p := range int32(3) {
		for o := range x.PartitionInfo("chat", p).HighWatermark {
			at := deadletter.Place{Partition: p, Offset: o}
			if x.settled[at] || left == 0 {
				continue
			}
			x.settled[at] = true
			left--
		}
	}
	return moment{settled: maps.Clone(x.settled), inHand: maps.Clone(x.inHand), lag: x.lag}, nil
}

type moment struct {
	settled, inHand map[deadletter.Place]bool
	lag             int64
}

func (m moment) Settled(at deadletter.Place) bool { return m.settled[at] }
func (m moment) InHand(at deadletter.Place) bool  { return m.inHand[at] }
func (m moment) Lag() int64                       { return m.lag }

// letter failed at an offset of the room's partition.
func letter(room, offset int64, change func(*deadletter.Letter)) *deadletter.Letter {
	l := &deadletter.Letter{
		Record: event.Record{
			Partition: int32(room % 3), Offset: offset, Key: fmt.Append(nil, room), Time: time.Now(),
			Value:   fmt.Appendf(nil, `{"roomid":%d,"fromAccid":"ann","msgId":"m%d","msgType":0,"attach":"a"}`, room, offset),
			Headers: []event.Header{{Key: "trace", Value: fmt.Append(nil, offset)}},
		},
		Room: room, MsgID: fmt.Sprint("m", offset), Reason: "refused-message", Outcome: deadletter.OutcomeRefused, Code: 200,
		Attempts: 1, Message: "no", FailedAt: time.Now(), FirstFailedAt: time.Now(),
	}
	if change != nil {
		change(l)
	}
	return l
}

// fail writes letters as a worker does.
func (x *rig) fail(letters ...*deadletter.Letter) {
	x.t.Helper()
	done := make(chan int, len(letters))
	w := deadletter.New(deadletter.Config{
		Transport: x.transport, Addr: x.addr(), Topic: "dlq.chat", SourceTopic: "chat", Group: "g",
		Written: func(l []*deadletter.Letter) { done <- len(l) }, Log: zerolog.Nop(),
	})
	for _, l := range letters {
		w.Put(l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for n := 0; n < len(letters); n += <-done {
	}
	cancel()
	<-ended
}

// outstanding reads the letters that are.
func (x *rig) outstanding() (*deadletter.Ledger, []*deadletter.Entry) {
	x.t.Helper()
	l, err := x.desk().Read(context.Background(), deadletter.Reading{})
	if err != nil {
		x.t.Fatal(err)
	}
	return l, l.Matching(deadletter.Outstanding)
}

// replay makes one of all outstanding letters.
func (x *rig) replay(change func(*Config)) *Replay {
	x.t.Helper()
	l, entries := x.outstanding()
	cfg := Config{Desk: x.desk(), Ledger: l, To: "chat", By: "ann"}
	if change != nil {
		change(&cfg)
	}
	return New(cfg, entries)
}

// published is what stands in the topic, by partition.
func (x *rig) published(topic string) (all [3][]fetch.Record) {
	x.t.Helper()
	for p := range int32(3) {
		end := x.PartitionInfo(topic, p).HighWatermark
		err := x.desk().Client.Scan(context.Background(), topic, p, 0, end, func(r *fetch.Record) error {
			all[p] = append(all[p], *r)
			return nil
		})
		if err != nil {
			x.t.Fatal(err)
		}
	}
	return all
}

func (x *rig) count(topic string) (n int) {
	for _, p := range x.published(topic) {
		n += len(p)
	}
	return n
}

// ids are the msgIds of records, as their events say.
func ids(records []fetch.Record) string {
	var all []string
	for _, r := range records {
		e, _ := event.Decode(event.Record{Value: r.Value})
		all = append(all, e.MsgID)
	}
	return strings.Join(all, " ")
}

func header(r *fetch.Record, name string) string {
	i := slices.IndexFunc(r.Headers, func(h event.Header) bool { return h.Key == name })
	if i < 0 {
		return ""
	}
	return string(r.Headers[i].Value)
}

// notePublished tells once something was published to the topic of events.
func notePublished(c *kfake.Cluster) *atomic.Bool {
	var published atomic.Bool
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if r.(*kmsg.ProduceRequest).Topics[0].Topic == "chat" {
			published.Store(true)
		}
		return nil, nil, false
	})
	return &published
}

// messages are the source records of letters.
func messages(letters ...*deadletter.Letter) (all []cluster.Message) {
	for _, l := range letters {
		all = append(all, cluster.Message{Key: l.Record.Key, Value: l.Record.Value, Headers: l.Record.Headers})
	}
	return all
}

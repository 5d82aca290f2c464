package deadletter

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/event"
	"roomrelay/internal/cluster"
)

func (o *office) checkpoints(partitions int) (n int) {
	for p := range partitions {
		for _, f := range o.read(p) {
			if f.header(HeaderCheckpoint) != "" {
				n++
			}
		}
	}
	return n
}

// TestCheckpointsChangeNothing lets letters fail, be marked, settle, come back and be copied at random, and
// holds each reading that begins at a checkpoint to one that reads everything.
func TestCheckpointsChangeNothing(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inOffice(t, 2, nil, func(o *office) {
				r := rand.New(rand.NewPCG(seed, 1))
				type event struct {
					partition int32 // where its letter stands
					replays   int
					first     Place
					at        Place // where it stood when it failed last
					to        Place // where it was replayed to
					onItsWay  bool
				}
				letters := map[int64]*event{}
				var settled []Place
				next := int64(0)
				resumed := 0
				for step := range 120 {
					if r.IntN(40) == 0 {
						time.Sleep(newMarks)
					}
					n := r.Int64N(next + 1)
					x := letters[n]
					switch k := r.IntN(10); {
					case k < 3 || x == nil:
						p := int32(r.IntN(2))
						at := Place{p, next}
						letters[next] = &event{partition: p, first: at, at: at}
						o.file(p, at, at, 0, nil)
						next++
					case k < 4: // a copy
						o.file(x.partition, x.first, x.at, x.replays, nil)
					case k < 5 && !x.onItsWay:
						o.mark(x.partition, x.first, x.replays, ActionDiscard, Place{})
						delete(letters, n)
					case k < 8 && !x.onItsWay:
						x.to = Place{int32(r.IntN(2)), 1000 + int64(step)}
						o.mark(x.partition, x.first, x.replays, ActionReplay, x.to)
						x.onItsWay = true
					case x.onItsWay && k < 9: // it comes back
						settled = append(settled, x.to)
						x.replays, x.partition, x.at, x.onItsWay = x.replays+1, x.to.Partition, x.to, false
						o.file(x.partition, x.first, x.at, x.replays, nil)
					case x.onItsWay:
						settled = append(settled, x.to)
						delete(letters, n)
					}
					if step%7 != 0 {
						continue
					}
					d := o.desk(settled...)
					d.RememberFrom = 3
					l := o.ledger(d, Reading{})
					full := o.ledger(o.desk(settled...), Reading{Full: true})
					if states(l) != states(full) || l.Ended["relay"] != full.Ended["relay"] {
						t.Fatalf("step %d: from a checkpoint %q and %d done, from everything %q and %d", step, states(l), l.Ended["relay"], states(full), full.Ended["relay"])
					}
					if l.Read < full.Read {
						resumed++
					}
				}
				if resumed < 8 || o.checkpoints(2) < 4 {
					t.Errorf("the test proves little: %d readings began at a checkpoint, %d were written", resumed, o.checkpoints(2))
				}
			})
		})
	}
}

func TestACheckpointSparesWhatIsSettled(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		for i := range int64(400) {
			o.file(0, Place{0, i}, Place{0, i}, 0, nil)
			if i%100 != 0 {
				o.mark(0, Place{0, i}, 0, ActionDiscard, Place{})
			}
		}
		time.Sleep(time.Hour)
		d := o.desk()
		d.RememberFrom = 100
		if l := o.ledger(d, Reading{}); l.Read != 796 || len(l.Entries) != 4 || l.Taken != -1 {
			t.Fatalf("%d read, %s, %d taken", l.Read, states(l), l.Taken)
		}
		l := o.ledger(d, Reading{})
		if l.Read > 1 || states(l) != "0 outstanding 0, 100 outstanding 0, 200 outstanding 0, 300 outstanding 0" || l.Ended["relay"] != 396 || l.Taken != 0 {
			t.Errorf("%d read, %s, %d done, %d taken", l.Read, states(l), l.Ended["relay"], l.Taken)
		}
		// Retention takes two that nobody marked, and one that somebody does.
		o.mark(0, Place{0, 0}, 0, ActionDiscard, Place{})
		if err := o.DeleteRecords("dlq.chat", 0, o.ledger(d, Reading{}).Entries[1].Place.Offset); err != nil {
			t.Fatal(err)
		}
		if l := o.ledger(d, Reading{}); l.Taken != 1 || states(l) != "200 outstanding 0, 300 outstanding 0" {
			t.Errorf("%d taken, %s", l.Taken, states(l))
		}
		if l := o.ledger(d, Reading{Full: true}); l.Taken != 1 || states(l) != "200 outstanding 0, 300 outstanding 0" {
			t.Errorf("%d taken, %s", l.Taken, states(l))
		}
	})
}

func TestACheckpointThatDoesNotFitIsNotBelieved(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		o.file(0, Place{0, 5}, Place{0, 5}, 0, nil)
		id, err := o.cluster().ID(context.Background(), "dlq.chat")
		if err != nil || id == "" {
			t.Fatal(id, err)
		}
		good := checkpoint{Version: 1, Cluster: id, Topic: "dlq.chat", Next: 1}
		for name, change := range map[string]func(*checkpoint){
			"mirrored from another cluster": func(c *checkpoint) { c.Cluster = "x" },
			"of another topic":              func(c *checkpoint) { c.Topic = "dlq.other" },
			"of another partition":          func(c *checkpoint) { c.Partition = 1 },
			"of later versions":             func(c *checkpoint) { c.Version = 2 },
			"of what comes after it":        func(c *checkpoint) { c.Next = 1 << 40 },
			"that keeps what comes after":   func(c *checkpoint) { c.Outstanding = packed{1} },
		} {
			c := good
			change(&c)
			value, err := json.Marshal(&c)
			if err != nil {
				t.Fatal(err)
			}
			o.append(0, cluster.Message{Value: value, Headers: []event.Header{{Key: HeaderCheckpoint, Value: []byte("1")}}})
			if l := o.ledger(o.desk(), Reading{}); states(l) != "5 outstanding 0" {
				t.Errorf("one %s: %q", name, states(l))
			}
		}
		o.append(0, cluster.Message{Value: []byte("{"), Headers: []event.Header{{Key: HeaderCheckpoint, Value: []byte("1")}}})
		if l := o.ledger(o.desk(), Reading{}); states(l) != "5 outstanding 0" || l.Unreadable != 0 {
			t.Errorf("a damaged one: %q, %d unreadable", states(l), l.Unreadable)
		}
		// The control: one that fits hides what it says is settled.
		value, _ := json.Marshal(&good)
		o.append(0, cluster.Message{Value: value, Headers: []event.Header{{Key: HeaderCheckpoint, Value: []byte("1")}}})
		if l := o.ledger(o.desk(), Reading{}); states(l) != "" {
			t.Errorf("%q", states(l))
		}
	})
}

func TestWhoMayOnlyReadLeavesNoCheckpoint(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		for i := range int64(20) {
			o.file(0, Place{0, i}, Place{0, i}, 0, nil)
			o.mark(0, Place{0, i}, 0, ActionDiscard, Place{})
		}
		o.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
		d := o.desk()
		d.RememberFrom = 1
		if l := o.ledger(d, Reading{}); l.Ended["relay"] != 20 {
			t.Errorf("%d done", l.Ended["relay"])
		}
		if n := o.checkpoints(1); n != 0 {
			t.Errorf("%d checkpoints", n)
		}
	})
}

func TestOffsetsArePacked(t *testing.T) {
	for _, p := range []packed{nil, {0}, {0, 1, 5}, {1 << 40, 1<<40 + 1}} {
		text, err := p.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back packed
		if err := back.UnmarshalText(text); err != nil || !slices.Equal(back, p) {
			t.Errorf("%v became %v, %v", p, back, err)
		}
	}
	for _, text := range []string{"!", "gA", "BQA", "////////////"} {
		var p packed
		if err := p.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, p)
		}
	}
}

func TestATopicOfOtherAuthorsGetsNoCheckpoint(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		for i := range int64(20) {
			o.file(0, Place{0, i}, Place{0, i}, 0, nil)
			o.mark(0, Place{0, i}, 0, ActionDiscard, Place{})
		}
		o.append(0, cluster.Message{Value: []byte("{}"), Headers: []event.Header{
			{Key: "__connect.errors.topic", Value: []byte("chat")}, {Key: "__connect.errors.partition", Value: []byte("0")}, {Key: "__connect.errors.offset", Value: []byte("0")},
		}})
		d := o.desk()
		d.RememberFrom = 1
		o.ledger(d, Reading{})
		if n := o.checkpoints(1); n != 0 {
			t.Errorf("%d checkpoints", n)
		}
	})
}

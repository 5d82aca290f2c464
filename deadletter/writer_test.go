package deadletter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func inOffice(t *testing.T, partitions int32, config map[string]string, test func(*office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := open(t, partitions, config)
		defer o.close()
		test(o)
	})
}

// watch counts produce requests and shows each to look.
func (o *office) watch(look func(*kmsg.ProduceRequest)) *atomic.Int32 {
	var n atomic.Int32
	o.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		o.KeepControl()
		n.Add(1)
		if look != nil {
			look(r.(*kmsg.ProduceRequest))
		}
		return nil, nil, false
	})
	return &n
}

func TestLettersAreAcknowledgedByAllReplicasCompressedAndTogether(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		var sizes []int
		n := o.watch(func(r *kmsg.ProduceRequest) {
			k, _, attributes := records(r)
			sizes = append(sizes, k)
			if r.Acks != -1 || attributes&7 == 0 || r.TimeoutMillis < 2000 {
				t.Errorf("acks %d, attributes %d, time-out %d ms", r.Acks, attributes, r.TimeoutMillis)
			}
		})
		o.lapse(true)
		for i := range 1200 {
			o.Put(letter(0, int64(i)))
		}
		o.lapse(false)
		o.await(1200, time.Minute)
		if n.Load() != 3 || !slices.Equal(sizes, []int{500, 500, 200}) {
			t.Errorf("%d requests of %v letters", n.Load(), sizes)
		}
		for i, f := range o.read(0) {
			if f.header(HeaderOffset) != fmt.Sprint(i) {
				t.Fatalf("letter %d is that of offset %s", i, f.header(HeaderOffset))
			}
		}
		if s := o.Stats(); s != (Stats{Written: 1200}) {
			t.Errorf("%+v", s)
		}
		if len(o.trays) != 0 {
			t.Error("an idle writer keeps something")
		}
	})
}

func TestATopicThatCannotBeWrittenHoldsLettersBack(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		n := o.watch(nil)
		full := o.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		for i := range 3 {
			o.Put(letter(0, int64(i)))
		}
		time.Sleep(5 * time.Second)
		if err := o.Ready(); err != nil {
			t.Errorf("not ready after 5 s: %v; a broker may have died", err)
		}
		time.Sleep(10 * time.Minute)
		if err := o.Ready(); err == nil || !strings.Contains(err.Error(), `the dead-letter topic "dlq.chat" can't be written`) {
			t.Errorf("ready says %v", err)
		}
		if tries := n.Load(); tries < 20 || tries > 80 {
			t.Errorf("%d tries in 10 minutes, want a backoff of up to 30 s", tries)
		}
		if s := o.Stats(); s.Waiting != 3 || s.Failed == 0 || s.Written != 0 {
			t.Errorf("%+v", s)
		}
		full.Remove()
		o.await(3, time.Minute)
		if err := o.Ready(); err != nil {
			t.Error(err)
		}
		if got := o.read(0); len(got) != 3 || got[0].header(HeaderOffset) != "0" || got[2].header(HeaderOffset) != "2" {
			t.Errorf("%d letters", len(got))
		}
	})
}

func TestAMissingTopicHoldsLettersBackUntilItIsThere(t *testing.T) {
	inOffice(t, 0, nil, func(o *office) {
		o.Put(letter(5, 0))
		time.Sleep(time.Minute)
		if err := o.Ready(); err == nil || !strings.Contains(err.Error(), "it doesn't exist; create it") {
			t.Errorf("ready says %v", err)
		}
		if err := o.CreateTopic("dlq.chat", 4, nil); err != nil {
			t.Fatal(err)
		}
		o.await(1, time.Minute)
		if got := o.read(1); len(got) != 1 { // 5 modulo 4
			t.Errorf("%d letters in partition 1", len(got))
		}
	})
}

func TestAnUnansweredWriteIsRepeatedAsTheSameLetter(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		o.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut}) // after it was appended
		o.Put(letter(0, 9))
		o.await(1, time.Minute)
		got := o.read(0)
		if len(got) != 2 {
			t.Fatalf("%d records, want the two tries", len(got))
		}
		if a, b := headersOf(got[0]), headersOf(got[1]); !slices.Equal(a, b) || !bytes.Equal(got[0].value, got[1].value) {
			t.Errorf("the copies differ:\n%q\n%q", a, b)
		}
	})
}

func TestALetterWaitsForAsLongAsAQuotaHoldsWritesBack(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		const wait = 20 * time.Second
		var at []time.Time
		o.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			o.KeepControl()
			at = append(at, time.Now())
			return heldBack(req, wait), nil, true
		})
		o.Put(letter(0, 1))
		o.await(1, time.Second)
		o.Put(letter(0, 2))
		o.await(2, wait+time.Second)
		if len(at) != 2 || at[1].Sub(at[0]) < wait {
			t.Errorf("writes at %v", at)
		}
		if s := o.Stats(); s.Failed != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// heldBack is the answer to a Produce that was done, of a broker whose quota is used up by it (KIP-219).
func heldBack(req kmsg.Request, wait time.Duration) kmsg.Response {
	asked := req.(*kmsg.ProduceRequest)
	answer := asked.ResponseKind().(*kmsg.ProduceResponse)
	answer.ThrottleMillis = int32(wait.Milliseconds())
	for _, x := range asked.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = x.Topic, x.TopicID
		for _, p := range x.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition = p.Partition
			topic.Partitions = append(topic.Partitions, partition)
		}
		answer.Topics = append(answer.Topics, topic)
	}
	return answer
}

func TestI3_NoWriteBeginsWithoutTheLease(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		n := o.watch(nil)
		o.lapse(true)
		o.Put(letter(0, 0))
		time.Sleep(time.Hour)
		if n.Load() != 0 {
			t.Fatalf("%d requests without the lease", n.Load())
		}
		if err := o.Ready(); err != nil {
			t.Errorf("the topic isn't at fault: %v", err)
		}
		o.lapse(false)
		o.await(1, time.Second)

		// It is asked before each try, not once a letter.
		o.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, When: func(kmsg.Request) bool {
			o.lapse(true)
			return true
		}})
		o.Put(letter(0, 1))
		time.Sleep(time.Minute)
		if n.Load() != 2 {
			t.Errorf("%d requests, want none after the lease ran out", n.Load())
		}
	})
}

func TestAForgottenAssignmentIsWrittenAndToldNoMore(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		held := make(chan struct{})
		o.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1, When: func(kmsg.Request) bool {
			select {
			case <-held:
				return false
			default:
				return true
			}
		}})
		old, later, other := letter(0, 0), letter(0, 0), letter(1, 5)
		later.Record.Epoch = 2
		o.Put(old)
		o.Put(other)
		time.Sleep(time.Second)
		o.Forget(0, 1)
		o.Forget(9, 9) // nothing known of it
		o.Put(later)
		if s := o.Stats(); s.Waiting != 2 || s.Forgotten != 1 {
			t.Errorf("%+v", s)
		}
		close(held)
		o.await(2, time.Minute)
		if slices.Contains(o.written, old) {
			t.Error("the forgotten letter is told as written")
		}
		if got := o.read(0); len(got) != 2 {
			t.Errorf("%d records, want those of the other partition and of the later assignment", len(got))
		}
	})
}

func TestALateAnswerForAForgottenAssignmentIsNotTold(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		o.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			o.Forget(0, 1) // while the write is on its way
			return nil, nil, false
		})
		o.Put(letter(0, 0))
		time.Sleep(time.Minute)
		if o.count() != 0 || o.Stats().Waiting != 0 {
			t.Errorf("%d told, %+v", o.count(), o.Stats())
		}
		if got := o.read(0); len(got) != 1 {
			t.Errorf("%d records: the control case is a write that came through", len(got))
		}
	})
}

func TestARecordThatTheBrokerRefusesHoldsNoOtherUp(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		var poison atomic.Value // read on the broker's goroutine
		poison.Store("poison")
		o.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidRecord, Count: -1, When: func(r kmsg.Request) bool {
			_, plain, _ := records(r)
			return bytes.Contains(plain, []byte(poison.Load().(string)))
		}})
		o.lapse(true)
		for i := range 6 {
			l := letter(0, int64(i))
			if i%3 == 1 {
				l.MsgID = fmt.Sprint("poison-", i)
			}
			o.Put(l)
		}
		o.lapse(false)
		o.await(4, time.Second)
		o.Put(letter(0, 6))
		o.await(5, time.Second)
		time.Sleep(time.Minute)
		if s := o.Stats(); s.Waiting != 2 {
			t.Errorf("%+v, want the two refused ones to wait", s)
		}
		if err := o.Ready(); err == nil || !strings.Contains(err.Error(), "cleanup.policy must be delete") {
			t.Errorf("ready says %v", err)
		}
		poison.Store("poison-1") // what the broker has against one may not hold for the next
		o.await(6, 2*time.Minute)
		poison.Store("poison-none")
		o.await(7, 2*time.Minute)
	})
}

func TestPutWaitsForNothingAndRunWritesWhatWasPutBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, 1, nil)
		defer o.close()
		early := New(o.cfg)
		for i := range 10 {
			early.Put(letter(0, int64(i)))
		}
		if s := early.Stats(); s.Waiting != 10 {
			t.Errorf("%+v", s)
		}
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		go func() { ended <- early.Run(ctx) }()
		o.await(10, time.Second)
		cancel(stop)
		if err := <-ended; !errors.Is(err, stop) {
			t.Errorf("Run said %v", err)
		}
		early.Put(letter(0, 11)) // after the end nobody writes it
		synctest.Wait()
		if n := len(o.read(0)); n != 10 {
			t.Errorf("%d records", n)
		}
	})
}

func TestWhatEndsJustAsItsAssignmentIsForgottenChangesNothing(t *testing.T) {
	// Forget comes between an answer and the lock under which it is noted: the tray is out of the map.
	told := 0
	w := New(Config{Topic: "dlq.chat", Written: func(l []*Letter) { told += len(l) }, Log: zerolog.Nop()})
	for _, end := range []func(*tray, []*envelope){
		func(x *tray, batch []*envelope) { x.written(batch) },
		func(x *tray, batch []*envelope) {
			if !x.sort(batch, kafka.InvalidRecord) {
				t.Error("a forgotten letter is to be tried again")
			}
		},
	} {
		w.Put(letter(0, 1))
		x := w.trays[assignment{partition: 0, epoch: 1}]
		batch := x.head()
		w.Forget(0, 1)
		end(x, batch)
		if told != 0 || len(w.trays) != 0 || w.Stats().Waiting != 0 || w.Stats().Written != 0 {
			t.Errorf("%d told, %d trays, %+v", told, len(w.trays), w.Stats())
		}
	}
}

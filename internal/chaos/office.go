package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/deadletter"
	"roomrelay/internal/cluster"
	"roomrelay/internal/replay"
	"roomrelay/internal/world"
)

// errDied ends an operator's work where it stands.
var errDied = errors.New("the operator's program died")

// office is an operator's program, while it runs.
type office struct {
	desk      *deadletter.Desk
	transport *kafka.Transport
}

// open starts the program. It dies with its dieAt-th write to the dead-letter topic, before that is sent; 0: it doesn't.
func (r *Run) open(dieAt int, died context.CancelCauseFunc) *office {
	var link *world.Link
	writes := 0
	link = r.Outsider(func(f world.Frame) {
		q, ok := f.Request().(*kmsg.ProduceRequest)
		if !ok || len(q.Topics) == 0 || q.Topics[0].Topic != world.Letters {
			return
		}
		if writes++; writes == dieAt {
			died(errDied)
			link.Cut()
		}
	})
	transport := &kafka.Transport{Dial: link.Dial, MetadataTTL: time.Second}
	// Waiting longer would keep everything else that is to happen waiting, too.
	c := &cluster.Client{Transport: transport, Addr: kafka.TCP(r.Cluster.ListenAddrs()...), Patience: time.Second}
	return &office{transport: transport, desk: &deadletter.Desk{
		Client: c, Topic: world.Letters, Source: world.Topic, Group: world.Group, Progress: replay.Progress(c),
		RememberFrom: 20, // so that readings leave checkpoints, which the next ones begin from
	}}
}

func (o *office) close() { o.transport.CloseIdleConnections() }

// tend is what an operator does with letters: some are replayed, a few discarded. Nothing else happens meanwhile but
// what others do by themselves.
func (r *Run) tend(d Deed) {
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
	defer cancel()
	ctx, died := context.WithCancelCause(ctx)
	defer died(nil)
	dieAt := 0
	if d.Number%3 == 0 {
		dieAt = 2 + d.Number/3%3 // the first one tries whether marks can be written
	}
	o := r.open(dieAt, died)
	defer o.close()
	r.judge.tends(time.Hour)
	defer func() { r.judge.tends(10 * time.Second) }() // what was given up may still be on its way
	ledger, err := o.desk.Read(ctx, deadletter.Reading{})
	if err != nil {
		r.note("letters not read: %v", err)
		return
	}
	toReplay, toDiscard := r.choose(ledger, d.Number)
	cfg := replay.Config{Desk: o.desk, Ledger: ledger, To: world.Topic, By: "operator", Why: "why not", RoomRate: d.Number / 9 % 3 * 5, StallAfter: 2 * time.Second}
	out, err := replay.New(cfg, toReplay).Run(ctx)
	r.note("%d letters replayed of %d: %v", out.Published, len(toReplay), err)
	r.cover.seen("operator", outcomeOf("replays", len(toReplay), cmp.Or(context.Cause(ctx), err)))
	if ctx.Err() != nil || len(toDiscard) == 0 {
		return
	}
	_, err = replay.New(cfg, toDiscard).Discard(ctx)
	r.note("%d letters discarded: %v", len(toDiscard), err)
	r.cover.seen("operator", outcomeOf("discards", len(toDiscard), err))
}

func outcomeOf(what string, letters int, err error) string {
	switch {
	case letters == 0:
		return "finds no letter"
	case errors.Is(err, errDied):
		return what + ", and dies"
	case err != nil:
		return what + ", and fails"
	}
	return what
}

// choose parts what is outstanding. The letters that the plan itself makes of nothing are left alone: they all claim to be
// the same one.
func (r *Run) choose(l *deadletter.Ledger, n int) (toReplay, toDiscard []*deadletter.Entry) {
	rules := replay.Rules{MaxReplays: 1 + n%3, DedupeWindow: time.Hour, Topic: world.Topic, Group: world.Group, Now: time.Now()}
	all, _ := replay.Choose(l, l.Matching(deadletter.Outstanding), rules)
	for i, e := range all {
		switch {
		case int(e.Identity.Partition) >= r.partitions(), e.Truncated:
		case (i+n)%5 == 0:
			toDiscard = append(toDiscard, e)
		default:
			toReplay = append(toReplay, e)
		}
	}
	return toReplay, toDiscard
}

// tends is told that an operator may publish for as long.
func (j *judge) tends(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tended, j.caught = time.Now().Add(d), false
}

// catchUp enters what operators have published. A worker may send it before they hear that it stands. j.mu is held.
func (j *judge) catchUp() {
	if j.tended.IsZero() || j.caught {
		return
	}
	all := true
	for p, l := range j.books.logs {
		if l.writing {
			all = false
			continue // what is entered last may not stand yet
		}
		if err := j.enterReplays(int32(p), j.run.Cluster.PartitionInfo(world.Topic, int32(p)).HighWatermark); err != nil {
			j.run.T.Error(err)
			return
		}
	}
	j.caught = all && time.Now().After(j.tended)
}

// enterReplays enters what operators have published below end. j.mu is held.
func (j *judge) enterReplays(partition int32, end int64) error {
	l := j.books.logs[partition]
	for int64(len(l.records)) < end {
		all, err := j.run.fetch(world.Topic, partition, int64(len(l.records)))
		if err == nil && len(all) == 0 {
			err = errors.New("nothing stands there")
		}
		if err != nil {
			return fmt.Errorf("reading partition %d at %d: %w", partition, len(l.records), err)
		}
		for _, x := range all {
			if int64(len(l.records)) < end {
				j.enterReplay(int(partition), x)
			}
		}
	}
	return nil
}

func (j *judge) enterReplay(partition int, x *letter) {
	first, n := x.first()
	w := Write{Partition: partition, Key: string(x.key), Value: x.value}
	if trace := x.headers["trace"]; trace != "" {
		w.Headers = append(w.Headers, kafka.Header{Key: "trace", Value: []byte(trace)})
	}
	origin := j.books.at(first)
	if origin == nil || n == 0 {
		j.blame("marks", "", "an operator published what is no letter at partition %d: %v", partition, x.headers)
		w.Event.Null = true
	} else {
		w.Event = origin.event
		w.Event.Resend, w.Event.Replay = 1, true
	}
	j.books.publish(w, time.Now(), true).replay = &replayed{first, n}
}

// inspect compares what is said of the letters in the end with what can be seen: whether old parts of the topic are
// read again or not, outstanding is what no mark speaks of.
func (r *Run) inspect() {
	if r.judge.tended.IsZero() {
		return
	}
	o := r.open(0, nil)
	defer o.close()
	for _, full := range []bool{false, true} {
		l, err := o.desk.Read(context.Background(), deadletter.Reading{Full: full})
		if err != nil {
			r.judge.violate("marks", "reading the letters, full %v: %v", "", full, err)
			continue
		}
		said := map[place]bool{}
		for _, e := range l.Matching(deadletter.Outstanding) {
			said[place{e.Identity.Partition, e.Identity.Offset}] = true
		}
		r.judge.outstanding(said, full)
	}
}

// outstanding holds what the tool calls outstanding to letters and marks, and marks to what they say was published.
func (j *judge) outstanding(said map[place]bool, full bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.letters.read(j)
	covered := map[place]int{}
	for _, m := range j.letters.mark {
		at, n := m.first()
		covered[at] = max(covered[at], n+1)
		if m.headers[deadletter.HeaderMark] != string(deadletter.ActionReplay) {
			continue
		}
		partition, _ := strconv.ParseInt(m.headers[deadletter.HeaderMarkPartition], 10, 32)
		offset, _ := strconv.ParseInt(m.headers[deadletter.HeaderMarkOffset], 10, 64)
		if x := j.books.at(place{int32(partition), offset}); x == nil || x.replay == nil || x.replay.first != at {
			j.blame("marks", "", "a mark says that the letter of %v was published at %d:%d, where it doesn't stand", at, partition, offset)
		}
	}
	want := map[place]bool{}
	for _, x := range j.letters.all {
		if at, n := x.first(); n >= covered[at] {
			want[at] = true
		}
	}
	for at := range want {
		if !said[at] {
			j.blame("marks", "", "the letter of %v has no mark, and isn't called outstanding (full %v)", at, full)
		}
	}
	for at := range said {
		if !want[at] {
			j.blame("marks", "", "the letter of %v is called outstanding, and a mark speaks of it (full %v)", at, full)
		}
	}
}

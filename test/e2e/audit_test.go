//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/internal/audit"
	"roomrelay/internal/imsim"
)

// report is an audit with what it was made of.
type report struct {
	audit.Result
	records    []*kgo.Record
	shown      []imsim.Shown
	firsts     map[audit.Message]*kgo.Record // of each message
	acked      map[audit.Message]time.Time   // when its producer heard that it was written
	copies     int                           // letters beyond the first with one identity
	deleted    int                           // records that the broker deleted before they were read here
	tombstones int                           // records without a value: they are no events
	twice      int                           // records that repeat another one: a producer wrote them again
	duplicates int64                         // messages that were sent again with resendFlag 1 though they had been shown
	calls      int64
	wrong      []string // what internal/audit doesn't look at
}

func (r *report) violate(words string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(words, args...))
}

// ok says that no promise was broken.
func (r *report) ok() bool { return r.OK() && len(r.wrong) == 0 }

// String is the audit in a line, and what is wrong in others.
func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d events: %d delivered in %d calls, %d letters (%d invalid, %d copies), %d sent again flagged; lost %d, shown twice %d, unflagged %d, swapped %d, false letters %d, strange %d; %d records written twice by producers",
		r.Published, r.Delivered, r.calls, r.DeadLettered, r.Invalid, r.copies, r.duplicates, r.Lost, r.ShownTwice, r.Unflagged, r.Swapped, r.FalseLetters, r.Strange, r.twice)
	const told = 10
	for _, v := range r.Violations[:min(told, len(r.Violations))] {
		fmt.Fprintf(&b, "\n  %s", v)
	}
	for _, w := range r.wrong[:min(told, len(r.wrong))] {
		fmt.Fprintf(&b, "\n  %s", w)
	}
	return b.String()
}

// audit holds what was published since the last audit against what came of it. Everything must be settled.
func (s *stand) audit(t testing.TB) *report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := s.check(ctx, t)
	if err != nil {
		t.Fatalf("making the audit: %v", err)
	}
	t.Log(r)
	if !r.ok() {
		t.Errorf("a promise was broken: %s", r)
	}
	return r
}

func (s *stand) check(ctx context.Context, t testing.TB) (*report, error) {
	to, err := s.cluster.endsOf(ctx, s.topic)
	if err != nil {
		return nil, err
	}
	lettersTo, err := s.cluster.endsOf(ctx, s.letterTopic())
	if err != nil {
		return nil, err
	}
	records, err := s.cluster.read(ctx, s.topic, s.audited, to)
	if err != nil {
		return nil, err
	}
	written, err := s.cluster.read(ctx, s.letterTopic(), s.lettersAudited, lettersTo)
	if err != nil {
		return nil, err
	}
	stats := s.sim.stats(t)
	all := len(records)
	records = slices.DeleteFunc(records, func(x *kgo.Record) bool { return x.Value == nil })
	r := &report{records: records, tombstones: all - len(records), shown: s.sim.shown(t), firsts: map[audit.Message]*kgo.Record{}, acked: map[audit.Message]time.Time{}, duplicates: stats.Deduplicated, calls: stats.Calls}
	in := audit.Input{ByRoom: s.settings["ordering"] == "room", Shown: slices.Values(r.shown)}
	starts, err := s.cluster.startsOf(ctx, s.topic)
	if err != nil {
		return nil, err
	}
	in.Published = r.events(s, records, starts)
	in.Letters = r.letters(s, written)
	for range stats.Unflagged {
		in.Unflagged = append(in.Unflagged, audit.Message{MsgID: "(the simulator doesn't say which)"})
	}
	r.Result = audit.Check(in)
	if r.ShownTwice > 0 {
		r.showings()
	}
	s.audited, s.lettersAudited = to, lettersTo
	return r, nil
}

// showings tells of each message that was shown twice when that was, and with which flag it came: only so can it be held
// against what befell workers at the time.
func (r *report) showings() {
	all := map[audit.Message][]string{}
	for _, m := range r.shown {
		id := audit.Message{Room: m.Room, MsgID: m.MsgID}
		all[id] = append(all[id], fmt.Sprintf("%s with resendFlag %d", m.At.Format(clock), m.Resend))
	}
	for id, at := range all {
		if len(at) > 1 {
			r.violate("%s in room %d was shown at %s", id.MsgID, id.Room, strings.Join(at, ", and at "))
		}
	}
}

// clock is how tests tell what happened when.
const clock = "15:04:05.000000"

// events are the records as events, by the lines that they were published from.
func (r *report) events(s *stand, records []*kgo.Record, starts ends) (all []audit.Event) {
	seen := map[int]bool{}
	for _, x := range records {
		number := s.numberOf(x)
		l, ok := s.producer.line(number)
		if !ok {
			r.violate("record %d/%d is nobody's: line %q, %q", x.Partition, x.Offset, header(x, headerLine), x.Value)
			continue
		}
		if seen[number] {
			r.twice++
		}
		seen[number] = true
		all = append(all, audit.Event{
			Room: l.Room, Sender: l.Sender, MsgID: l.MsgID, Partition: x.Partition, Offset: x.Offset,
			Valid: l.Valid, Refused: s.producer.traffic.refused(&l),
		})
		id := audit.Message{Room: l.Room, MsgID: l.MsgID}
		if r.firsts[id] == nil {
			r.firsts[id] = x
		}
	}
	s.producer.mu.Lock()
	defer s.producer.mu.Unlock()
	for number := range seen {
		l := &s.producer.lines[number-1]
		if a, ok := s.producer.acked[number]; ok {
			r.acked[audit.Message{Room: l.Room, MsgID: l.MsgID}] = a.at
		}
	}
	for number := s.linesAudited + 1; number <= len(s.producer.lines); number++ {
		switch at, acked := s.producer.acked[number]; {
		case !acked || seen[number]:
		case at.offset < starts[at.partition]:
			r.deleted++
		default:
			r.violate("line %d was acknowledged by Kafka and isn't in the topic", number)
		}
	}
	if s.producer.failed != nil {
		r.violate("publishing: %v", s.producer.failed)
		s.producer.failed = nil
	}
	s.linesAudited = len(s.producer.lines)
	return all
}

// letters checks each letter against its source, and that each record that deserves one has one.
func (r *report) letters(s *stand, written []*kgo.Record) (all []audit.Letter) {
	sources := map[place]*kgo.Record{}
	for _, x := range r.records {
		sources[place{x.Partition, x.Offset}] = x
	}
	have := map[place]bool{}
	for _, x := range written {
		l, err := readLetter(x, s.topic, s.group)
		if err != nil {
			r.wrong = append(r.wrong, err.Error())
			continue
		}
		if have[l.first] {
			r.copies++
		}
		have[l.first] = true
		all = append(all, audit.Letter{Partition: l.source.partition, Offset: l.source.offset, Reason: l.reason})
		source := sources[l.source]
		if source == nil {
			continue // the audit tells it
		}
		from := s.lineOf(source)
		if problem := l.differs(source, from.Valid, s.partitions); problem != "" {
			r.violate("the letter of %v: %s", l.source, problem)
		}
		if from.Valid == (l.reason == "invalid") {
			r.violate("the letter of %v says %q of an event that is valid: %t", l.source, l.reason, from.Valid)
		}
	}
	for at, x := range sources {
		from := s.lineOf(x)
		if deserves := !from.Valid || s.producer.traffic.refused(&from); deserves && !have[at] {
			r.violate("the event at %v deserves a letter and has none", at)
		}
	}
	return all
}

// errStill is why what isn't settled can't be audited.
var errStill = errors.New("not everything is settled")

// settled says whether the group's commits have reached the ends of the topic.
func (s *stand) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	to, err := s.cluster.endsOf(ctx, s.topic)
	if err != nil {
		return err
	}
	have, err := s.cluster.committed(ctx, s.group, s.topic)
	if err != nil {
		return err
	}
	for p, end := range to {
		if have[p] < end {
			err = errors.Join(err, fmt.Errorf("%w: partition %d is committed up to %d of %d", errStill, p, have[p], end))
		}
	}
	return err
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"roomrelay/batcher"
	"roomrelay/internal/audit"
)

// report is the audit with what it cost.
type report struct {
	audit.Result
	Letters         int     `json:"letters"` // events that became letters, whatever was done with these
	Replayed        int     `json:"replayed"`
	Discarded       int     `json:"discarded"`
	CameBack        int     `json:"cameBack"`
	Outstanding     int     `json:"outstanding"`
	APICalls        int64   `json:"apiCalls"`
	MessagesPerCall float64 `json:"messagesPerCall"`
	Seconds         float64 `json:"seconds"`
	// Interrupted says that the run was ended before everything was settled. What has no outcome then is
	// still in Kafka: it is Unsettled, not lost.
	Interrupted bool `json:"interrupted,omitempty"`
	Unsettled   int  `json:"unsettled,omitempty"`
	// Held says that the letters were left to a person: some may be outstanding.
	Held bool `json:"held,omitempty"`
}

// interrupt takes what has no outcome for unsettled.
func (r *report) interrupt() {
	r.Interrupted, r.Unsettled, r.Lost = true, r.Lost, 0
	r.Violations = slices.DeleteFunc(r.Violations, func(v audit.Violation) bool { return v.Kind == audit.Lost })
}

// audit holds what was published against what came out. Everything on the stage must have ended but the
// brokers.
func (s *stage) audit(ctx context.Context) (*report, error) {
	box, err := s.readLetters(ctx)
	if err != nil {
		return nil, err
	}
	unflagged, calls, messages := s.ledger.read()
	// The simulator sees the moment at which a message is shown, the ledger the call's end: each may find
	// what the other can't, and what both find is one.
	for range s.sim.Stats().Unflagged - int64(len(unflagged)) {
		unflagged = append(unflagged, audit.Message{MsgID: "(not noted which)"})
	}
	return &report{
		Result: audit.Check(audit.Input{
			ByRoom:    s.options.ordering == batcher.ByRoom,
			Published: s.producer.published(),
			Shown:     s.sim.Messages(0),
			Letters:   box.letters,
			Unflagged: unflagged,
		}),
		Letters: len(box.letters), Replayed: box.replayed, Discarded: box.discarded, CameBack: box.cameBack, Outstanding: box.outstanding,
		APICalls:        calls,
		MessagesPerCall: round(ratio(messages, calls)),
		Seconds:         round(time.Since(s.began).Seconds()),
	}, nil
}

// OK says that no promise was broken, and that no letter is left but to a person.
func (r *report) OK() bool {
	return r.Result.OK() && (r.Held || r.Outstanding == 0 && r.CameBack == 0)
}

func round(x float64) float64 { return math.Round(x*100) / 100 }

// told is how many violations are told: the first ones say what is wrong, the rest how often.
const told = 10

func (r *report) writeJSON(out io.Writer) error {
	short := *r
	short.Violations = short.Violations[:min(len(short.Violations), told)]
	if err := json.NewEncoder(out).Encode(&short); err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	return nil
}

func (r *report) writeText(out io.Writer) error {
	w := &writer{out: out}
	w.line("published", r.Published, "events")
	w.line("delivered", r.Delivered, "")
	w.line("letters", r.Letters, fmt.Sprintf("%d replayed, %d came back, %d discarded", r.Replayed, r.CameBack, r.Discarded))
	w.line("dead-lettered", r.DeadLettered, fmt.Sprintf("and not delivered: %d invalid, %d refused", r.Invalid, r.DeadLettered-r.Invalid))
	w.line("outstanding", r.Outstanding, "letters")
	w.line("false letters", r.FalseLetters, "")
	if r.Interrupted {
		w.line("unsettled", r.Unsettled, "still in Kafka")
	}
	w.line("lost", r.Lost, "")
	w.line("shown twice", r.ShownTwice, "")
	w.line("unflagged", r.Unflagged, "sent again with resendFlag 0")
	w.line("swapped", r.Swapped, "within a lane")
	if r.Strange > 0 {
		w.line("strange", r.Strange, "shown or a letter, but not so published")
	}
	w.line("API calls", int(r.APICalls), fmt.Sprintf("%.2f messages a call", r.MessagesPerCall))
	w.printf("%-14s %10.1f\n", "seconds", r.Seconds)
	for i, v := range r.Violations {
		if i == told {
			w.printf("... and %d more\n", len(r.Violations)-told)
			break
		}
		w.printf("%s\n", v)
	}
	w.printf("%s\n", r.sentence())
	return w.err
}

func (r *report) sentence() string {
	switch {
	case r.Interrupted:
		return "Interrupted."
	case r.OK() && r.Held:
		return "Every event was delivered once and in order, or is a letter."
	case r.OK():
		return "Every event was delivered once and in order. What had failed was replayed, what can't be sent is a letter."
	default:
		return "A promise was broken."
	}
}

// writer keeps the first error of many writes.
type writer struct {
	out io.Writer
	err error
}

func (w *writer) printf(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.out, format, args...)
	}
}

func (w *writer) line(title string, n int, rest string) {
	if rest != "" {
		rest = "  " + rest
	}
	w.printf("%-14s %10s%s\n", title, grouped(int64(n)), rest)
}

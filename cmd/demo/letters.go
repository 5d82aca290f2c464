package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/deadletter"
	"roomrelay/internal/audit"
	"roomrelay/internal/cluster"
	"roomrelay/internal/imsim"
	"roomrelay/internal/replay"
)

// operator is who looks after the demo's letters, with what the dlq verbs are made of.
type operator struct {
	desk      *deadletter.Desk
	transport *kafka.Transport
}

func (s *stage) newOperator() *operator {
	t := &kafka.Transport{ClientID: "operator", MetadataTTL: time.Second, MetadataTopics: []string{topic, letterTopic}}
	c := &cluster.Client{Transport: t, Addr: kafka.TCP(s.cluster.ListenAddrs()...)}
	return &operator{transport: t, desk: &deadletter.Desk{Client: c, Topic: letterTopic, Source: topic, Group: group, Progress: replay.Progress(c)}}
}

func (o *operator) close() { o.transport.CloseIdleConnections() }

// replayWait is how long replayed letters may take to be settled: all faults are off.
const replayWait = time.Minute

// mendAll ends all faults, replays the letters, and discards those that can't be mended by sending again: what
// is no valid event. The workers must be there.
func (s *stage) mendAll(ctx context.Context) error {
	s.sim.SetFaults(&imsim.Faults{})
	name := "all is well; letters are replayed"
	s.act.Store(&name)
	o := s.newOperator()
	defer o.close()
	l, err := o.desk.Read(ctx, deadletter.Reading{})
	if err != nil {
		return fmt.Errorf("reading letters: %w", err)
	}
	chosen, _ := replay.Choose(l, l.Matching(deadletter.Outstanding), replay.Rules{
		Topic: topic, MaxReplays: 3, DedupeWindow: time.Hour, Now: time.Now(),
	})
	r := replay.New(replay.Config{Desk: o.desk, Ledger: l, To: topic, By: "demo", MaxUnsettled: 1000, StallAfter: replayWait}, chosen)
	if _, err := r.Run(ctx); err != nil {
		return fmt.Errorf("replaying letters: %w", err)
	}
	out, err := r.Await(ctx, replayWait)
	if err != nil {
		return err
	}
	if out.Open > 0 {
		return fmt.Errorf("of %d replayed letters %d aren't settled after %v", out.Published, out.Open, replayWait)
	}
	return o.discardInvalid(ctx)
}

func (o *operator) discardInvalid(ctx context.Context) error {
	l, err := o.desk.Read(ctx, deadletter.Reading{Filter: deadletter.Filter{Reasons: []string{deadletter.ReasonInvalid}}})
	if err != nil {
		return fmt.Errorf("reading what is left of the letters: %w", err)
	}
	_, err = replay.New(replay.Config{Desk: o.desk, Ledger: l, By: "demo", Why: "no valid event"}, l.Matching(deadletter.Outstanding)).Discard(ctx)
	if err != nil {
		return fmt.Errorf("discarding letters: %w", err)
	}
	return nil
}

// letterbox is what the dead-letter topic holds, and what was done with it.
type letterbox struct {
	letters     []audit.Letter
	replayed    int
	cameBack    int // after a replay, at least once
	discarded   int
	outstanding int
}

// readLetters reads the whole dead-letter topic.
func (s *stage) readLetters(ctx context.Context) (*letterbox, error) {
	o := s.newOperator()
	defer o.close()
	letters := map[deadletter.Identity]audit.Letter{}
	replayed, cameBack, discarded := map[deadletter.Identity]bool{}, map[deadletter.Identity]bool{}, map[deadletter.Identity]bool{}
	l, err := o.desk.Read(ctx, deadletter.Reading{
		Letter: func(f *deadletter.Filed) {
			letters[f.Identity] = audit.Letter{Partition: f.Identity.Partition, Offset: f.Identity.Offset, Reason: f.Reason}
			if f.Replays > 0 {
				cameBack[f.Identity] = true
			}
		},
		Mark: func(m *deadletter.Mark) {
			if m.Action == deadletter.ActionReplay {
				replayed[m.Identity] = true
			} else {
				discarded[m.Identity] = true
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("reading letters: %w", err)
	}
	if l.Unreadable > 0 {
		return nil, fmt.Errorf("%d records of the dead-letter topic can't be read: %w", l.Unreadable, errors.New(l.Why[0].Why))
	}
	b := &letterbox{
		replayed: len(replayed), cameBack: len(cameBack), discarded: len(discarded),
		outstanding: len(l.Matching(deadletter.Outstanding, deadletter.OnItsWay)),
	}
	for i, x := range letters {
		x.Replayed = replayed[i]
		b.letters = append(b.letters, x)
	}
	return b, nil
}

package main

import (
	"context"
	"fmt"
	"time"

	"roomrelay/bench/internal/figures"
	"roomrelay/bench/internal/sink"
)

// playRival runs what the worker is compared with once. s is the rival's own scenario.
func (st *stage) playRival(ctx context.Context, s *scenario, k kind, binary *built) (*outcome, error) {
	switch k {
	case posts:
		return st.playLimit(ctx, s)
	case reading:
		return st.playReading(ctx, s)
	case oracle:
		return st.playOracle(s)
	case appends:
		return st.playAppends(ctx, s)
	case baseline:
		return st.playBaseline(ctx, s)
	}
	return st.playWorker(ctx, s, binary)
}

// playLimit is limit (a).
func (st *stage) playLimit(ctx context.Context, s *scenario) (*outcome, error) {
	e, api, err := st.endpoint(ctx, s)
	if err != nil {
		return nil, err
	}
	defer e.kill()
	c, err := launchRole(st.watch, "posts", st.layout.own, postsConfig{URL: "http://" + api.Addr, InFlight: s.slots(), Calls: s.shape.Messages / maxBatch})
	if err != nil {
		return nil, err
	}
	defer c.kill()
	used, err := hear[spent](ctx, c)
	if err != nil {
		return nil, err
	}
	notes, err := notesOf(ctx, api)
	if err != nil || len(notes) == 0 {
		return nil, err
	}
	o := &outcome{CPU: used.CPU.Seconds() / float64(used.Messages) * 1e6}
	st.countPosts(o, notes)
	return o, nil
}

// countPosts reckons the figures of calls whose messages say nothing.
func (st *stage) countPosts(o *outcome, notes []sink.Note) {
	var times []time.Duration
	for i := range notes {
		for range notes[i].IDs {
			times = append(times, notes[i].At.Sub(notes[0].At))
		}
	}
	o.Calls, o.Delivered = len(notes), len(times)
	o.PerCall = float64(len(times)) / float64(max(len(notes), 1))
	o.PerSecond, o.From, o.To = figures.MiddleRate(times)
	o.Own, o.Rest, o.Foreign = st.watch.shares(st.layout, notes[0].At.Add(o.From), notes[0].At.Add(o.To))
}

// playReading is limit (b).
func (st *stage) playReading(ctx context.Context, s *scenario) (*outcome, error) {
	l, err := st.filledLoad(ctx, s)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	c, err := launchRole(st.watch, "reading", st.layout.own, readingConfig{Brokers: st.brokers, Topic: l.topic, Partitions: max(s.shape.Partitions, 1), Messages: len(l.messages)})
	if err != nil {
		return nil, err
	}
	defer c.kill()
	used, err := hear[spent](ctx, c)
	if err != nil {
		return nil, err
	}
	o := &outcome{CPU: used.CPU.Seconds() / float64(used.Messages) * 1e6}
	o.Delivered, o.PerSecond = used.Messages, float64(used.Messages)/used.Took.Seconds()
	o.Own, o.Rest, o.Foreign = st.watch.shares(st.layout, began, time.Now())
	return o, nil
}

// playOracle is limit (c): nothing runs.
func (st *stage) playOracle(s *scenario) (*outcome, error) {
	messages, err := s.shape.All()
	if err != nil {
		return nil, err
	}
	plan := planOf(s, messages)
	calls := figures.Oracle(plan.At, plan.Lane, figures.Policy{Window: window, Batch: maxBatch, Rate: quota})
	return &outcome{Measured: figures.Measure(&plan, calls), Own: -1, Rest: -1}, nil
}

// playAppends is what the broker takes of a producer that does nothing else.
func (st *stage) playAppends(ctx context.Context, s *scenario) (*outcome, error) {
	l, err := st.load(ctx, s)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	used, err := st.fill(ctx, l.topic, s.shape, st.layout.own, began)
	if err != nil {
		return nil, err
	}
	o := &outcome{Letters: len(l.messages), LetterRate: float64(len(l.messages)) / used.Took.Seconds()}
	o.Own, o.Rest, o.Foreign = st.watch.shares(st.layout, time.Now().Add(-used.Took), time.Now())
	return o, nil
}

// baselineFor is how long the baseline may show its rate.
const baselineFor = 4 * time.Second

// playBaseline lets the loop that everybody writes first run for a while, or until it has sent all.
func (st *stage) playBaseline(ctx context.Context, s *scenario) (*outcome, error) {
	l, err := st.filledLoad(ctx, s)
	if err != nil {
		return nil, err
	}
	e, api, err := st.endpoint(ctx, s)
	if err != nil {
		return nil, err
	}
	defer e.kill()
	c, err := launchRole(st.watch, "baseline", st.layout.own, baselineConfig{Brokers: st.brokers, Topic: l.topic, Group: st.name(), URL: "http://" + api.Addr})
	if err != nil {
		return nil, err
	}
	defer c.kill()
	all := fmt.Sprint(len(l.messages))
	began := false
	for end := time.Now().Add(patience); time.Now().Before(end); {
		text, err := get(ctx, "http://"+api.Control+"/settled")
		if err == nil {
			err = c.ended()
		}
		if err != nil {
			return nil, err
		}
		if string(text) == all {
			break
		}
		if !began && string(text) != "0" {
			began, end = true, time.Now().Add(baselineFor)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	c.kill()
	notes, err := notesOf(ctx, api)
	if err != nil || len(notes) == 0 {
		return nil, fmt.Errorf("the baseline made no call within %v: %w", patience, err)
	}
	o := &outcome{}
	st.countPosts(o, notes)
	o.CPU = c.worked().Seconds() / float64(max(o.Delivered, 1)) * 1e6
	return o, nil
}

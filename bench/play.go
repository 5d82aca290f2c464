package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"roomrelay/bench/internal/figures"
	"roomrelay/bench/internal/sink"
)

// play is one run of the worker in a scenario, under way.
type play struct {
	*stage
	scenario *scenario
	binary   *built
	load     *load
	endpoint *child
	api      said
	workers  []*child
	producer *child
	begin    time.Time // from which the schedule is reckoned
	before   int64     // letters that were there
	after    time.Time // when the last letter was seen
}

// patience is how long a run may make no progress.
const patience = 20 * time.Second

// playWorker runs the worker once.
func (st *stage) playWorker(ctx context.Context, s *scenario, binary *built) (*outcome, error) {
	p := &play{stage: st, scenario: s, binary: binary}
	defer p.end()
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	if err := p.await(ctx); err != nil {
		return nil, err
	}
	peak := int64(0)
	for _, w := range p.workers {
		peak = max(peak, peakOf(w.cmd.Process.Pid))
	}
	notes, err := p.notes(ctx)
	if err != nil {
		return nil, err
	}
	o := p.judge(notes)
	o.Peak = float64(peak) / 1e6
	if p.producer != nil {
		late, err := hear[produced](ctx, p.producer)
		if err != nil {
			return nil, err
		}
		o.Publisher = ms(late.Late.P99)
	}
	var worked time.Duration
	for _, w := range p.workers {
		if s.abrupt {
			w.kill()
		} else {
			w.stop(10 * time.Second)
		}
		worked += w.worked()
	}
	o.CPU = worked.Seconds() / float64(len(p.load.messages)) * 1e6
	if s.aside {
		if o.Letters, o.Elsewhere, err = st.lettersOf(ctx, letterTopic(p.load.topic)); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// end ends whatever still runs.
func (p *play) end() {
	for _, c := range append([]*child{p.endpoint, p.producer}, p.workers...) {
		if c != nil {
			c.kill()
		}
	}
}

// live says that messages are published while the workers work.
func (s *scenario) live() bool { return s.late || s.shape.Rate > 0 || s.shape.Chat != "" }

// prepare starts everything.
func (p *play) prepare(ctx context.Context) (err error) {
	s := p.scenario
	if s.live() {
		p.load, err = p.stage.load(ctx, s)
	} else {
		p.load, err = p.filledLoad(ctx, s)
	}
	if err != nil {
		return err
	}
	if p.before, err = p.written(ctx, letterTopic(p.load.topic)); err != nil {
		return err
	}
	if p.endpoint, p.api, err = p.stage.endpoint(ctx, s); err != nil {
		return err
	}
	p.begin = time.Now()
	group := p.name()
	for range s.crew() {
		w, err := p.worker(group)
		if err != nil {
			return err
		}
		p.workers = append(p.workers, w)
	}
	if !s.live() {
		return nil
	}
	for _, w := range p.workers {
		if err := p.ready(ctx, w); err != nil {
			return err
		}
	}
	if err := p.settled(ctx, group); err != nil {
		return err
	}
	// The producer needs a moment to make its messages.
	p.begin = time.Now().Add(time.Second)
	p.producer, err = p.produce(p.load.topic, s.shape, p.layout.rest, p.begin)
	return err
}

func (st *stage) endpoint(ctx context.Context, s *scenario) (c *child, api said, err error) {
	if c, err = launchRole(st.watch, "endpoint", st.layout.rest, s.endpoint); err != nil {
		return nil, api, err
	}
	if api, err = hear[said](ctx, c); err != nil {
		c.kill()
		return nil, api, err
	}
	return c, api, nil
}

// worker starts the built program.
func (p *play) worker(group string) (*child, error) {
	settings := map[string]string{
		"brokers": strings.Join(p.brokers, ","), "topic": p.load.topic, "group": group, "fresh": "true",
		"api-endpoint": "http://" + p.api.Addr, "app-key": appKey, "app-secret": appSecret, "rate": "0",
		"max-in-flight": strconv.Itoa(p.scenario.slots()), "admin-addr": "127.0.0.1:0",
	}
	maps.Copy(settings, p.scenario.settings)
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		env = append(env, "ROOMRELAY_"+strings.ToUpper(strings.ReplaceAll(k, "-", "_"))+"="+settings[k])
	}
	if p.binary.profiles != "" {
		env = append(env, profileVariable+"="+filepath.Join(p.binary.profiles, fmt.Sprintf("%s-%s.prof", p.scenario.name, group)))
	}
	return launch(p.watch, "worker", p.layout.own, env, p.binary.path, "worker")
}

// poll asks until the answer is yes. last says what was seen last, for the error.
func poll(ctx context.Context, every, limit time.Duration, what string, ask func() (done bool, last string, err error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s: not within %v", what, limit))
	defer cancel()
	for {
		done, last, err := ask()
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return fmt.Errorf("%w (%s)", context.Cause(ctx), last)
		}
	}
}

// ready waits until a worker says that it is.
func (p *play) ready(ctx context.Context, w *child) error {
	return poll(ctx, 20*time.Millisecond, patience, "waiting until the worker is ready", func() (bool, string, error) {
		addr := w.errs.logged("admin server listens", "addr")
		if err := w.ended(); err != nil || addr == "" {
			return false, "its admin server doesn't listen", err
		}
		text, err := get(ctx, "http://"+addr+"/readyz")
		return err == nil, fmt.Sprint(string(text), err), nil
	})
}

// settled waits until the group has all workers and each has its share.
func (p *play) settled(ctx context.Context, group string) error {
	want := p.scenario.crew()
	return poll(ctx, 50*time.Millisecond, patience, "waiting until the workers share the partitions", func() (bool, string, error) {
		groups, err := p.admin.DescribeGroups(ctx, group)
		g := groups[group]
		least := max(p.scenario.shape.Partitions, 1)
		for _, m := range g.Members {
			a, ok := m.Assigned.AsConsumer()
			n := 0
			if ok {
				for _, t := range a.Topics {
					n += len(t.Partitions)
				}
			}
			least = min(least, n)
		}
		return g.State == "Stable" && len(g.Members) == want && least >= max(p.scenario.shape.Partitions, 1)/want,
			fmt.Sprintf("%s, %d members, the least of them with %d partitions; %v", g.State, len(g.Members), least, err), nil
	})
}

// await waits until everything that is to be delivered was, and all letters are written.
func (p *play) await(ctx context.Context) error {
	want := p.expected()
	last, since := int64(-1), time.Now()
	for {
		settled, err := p.progress(ctx)
		if err != nil {
			return err
		}
		if settled >= want {
			p.after = time.Now()
			return nil
		}
		if settled != last || time.Now().Before(p.begin) {
			last, since = settled, time.Now()
		}
		if time.Since(since) > patience {
			return fmt.Errorf("%d of %d messages after %v without any; the worker said last: %s", settled, want, patience, p.workers[0].errs.text())
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// expected is what progress must reach.
func (p *play) expected() (n int64) {
	for i := range p.load.messages {
		m := &p.load.messages[i]
		if m.Bad && !p.scenario.letters || m.Room == p.scenario.endpoint.BusyRoom {
			continue
		}
		n++
	}
	return n
}

// progress is how many messages are settled, as far as the scenario counts them.
func (p *play) progress(ctx context.Context) (n int64, err error) {
	for _, w := range p.workers {
		if err := w.ended(); err != nil {
			return 0, err
		}
	}
	if p.scenario.letters {
		if n, err = p.written(ctx, letterTopic(p.load.topic)); err != nil {
			return 0, err
		}
		n -= p.before
		if p.scenario.endpoint.Refuse {
			return n, nil
		}
	}
	text, err := get(ctx, "http://"+p.api.Control+"/settled")
	if err != nil {
		return 0, err
	}
	settled, err := strconv.ParseInt(string(text), 10, 64)
	return n + settled, err
}

var errStatus = errors.New("it answered otherwise than 200")

func get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errStatus
	}
	return text, err
}

// notes are the calls that came, in order.
func (p *play) notes(ctx context.Context) ([]sink.Note, error) { return notesOf(ctx, p.api) }

func notesOf(ctx context.Context, api said) ([]sink.Note, error) {
	text, err := get(ctx, "http://"+api.Control+"/notes")
	if err != nil {
		return nil, err
	}
	all, err := sink.ReadNotes(strings.NewReader(string(text)))
	slices.SortStableFunc(all, func(a, b sink.Note) int { return a.At.Compare(b.At) })
	return all, err
}

// judge reckons the figures.
func (p *play) judge(notes []sink.Note) *outcome {
	var all []figures.Call
	for i := range notes {
		n := &notes[i]
		if n.Outcome == sink.Busy {
			continue // it settles nothing
		}
		c := figures.Call{At: n.At.Sub(p.begin), Messages: make([]int32, 0, len(n.IDs))}
		for _, id := range n.IDs {
			k, ok := p.load.ids[string(id)]
			if !ok {
				k = -1
			}
			c.Messages = append(c.Messages, k)
		}
		if n.Outcome == sink.Unreadable {
			c.Messages = append(c.Messages, -1)
		}
		all = append(all, c)
	}
	o := &outcome{Measured: figures.Measure(&p.load.plan, all)}
	o.Own, o.Rest, o.Foreign = p.watch.shares(p.layout, p.begin.Add(o.From), p.begin.Add(o.To))
	if p.scenario.letters && len(notes) > 0 {
		o.Letters = p.lettersWanted()
		o.LetterRate = float64(o.Letters) / p.after.Sub(notes[0].At).Seconds()
	}
	return o
}

func (p *play) lettersWanted() (n int) {
	for i := range p.load.messages {
		if p.load.messages[i].Bad || p.scenario.endpoint.Refuse {
			n++
		}
	}
	return n
}

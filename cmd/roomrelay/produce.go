package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"roomrelay/internal/chat"
	"roomrelay/internal/config"
)

const produceLong = `Publishes events, one JSON object a line: the event itself, or {"atMs":1500,"event":{...}} with the time at which it is to be published. The key is the room id, so that a room stays in one partition. A line that holds no JSON object is left out and told; one that the worker will refuse is told and published all the same. With --made, events are made instead of read: chat in thirty rooms, until it is stopped.`

func (p *program) produceCommand() *cobra.Command {
	var input string
	var speed, made float64
	c := p.command("produce", "Publish events from a file or standard input", produceLong, config.Producer,
		func(ctx context.Context, f *config.Flags) error {
			if math.IsNaN(speed) || math.IsInf(speed, 0) || speed < 0 {
				return config.Mistakes{{Name: "speed", Source: "flag --speed", Got: fmt.Sprint(speed), Problem: "takes 0 (as fast as possible), 1 (real time) or another factor"}}
			}
			if math.IsNaN(made) || made < 0 || made > mostMade {
				return config.Mistakes{{Name: "made", Source: "flag --made", Got: fmt.Sprint(made), Problem: fmt.Sprintf("takes up to %d events a second", mostMade)}}
			}
			s, err := config.Load(f, p.environ)
			if err != nil {
				return err
			}
			return p.produce(ctx, s, source{input, made}, speed)
		})
	c.Flags().StringVar(&input, "input", "-", "`file` with events, plain or gzip; -: standard input")
	c.Flags().Float64Var(&speed, "speed", 1, "`factor` of real time for lines with atMs; 0: as fast as possible (default 1)")
	c.Flags().Float64Var(&made, "made", 0, "make so many `events` a second instead of reading an input")
	return c
}

// source is where the lines come from.
type source struct {
	input string
	made  float64 // events a second that are made instead; 0: none
}

func (p *program) produce(ctx context.Context, s *config.Settings, from source, speed float64) error {
	for _, w := range s.Warnings {
		fmt.Fprintf(p.err, "roomrelay: %s\n", w)
	}
	in, size, err := p.open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	transport, err := p.transport(s)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	b := p.progress(size)
	pub := &publisher{topic: s.Topic, client: client(s, transport), tell: b.tell}
	if err := pub.begin(ctx); err != nil {
		return err
	}
	lines := chat.Read(b.reader(in))
	if from.made > 0 {
		lines = makeLines(from.made)
	}
	r := &run{publisher: pub, speed: speed, lines: readLines(ctx, lines)}
	err = r.publish(ctx)
	b.finish()
	// Made lines have no end before which somebody could stop.
	return p.summary(r, err, ctx.Err() != nil && from.made == 0)
}

// open opens the input. size is -1 if it isn't known.
func (p *program) open(from source) (in io.ReadCloser, size int64, err error) {
	if from.made > 0 {
		return io.NopCloser(strings.NewReader("")), -1, nil
	}
	if from.input == "-" {
		if isTerminal(p.in) {
			fmt.Fprintln(p.err, "Reading events from the terminal, one JSON object a line; Ctrl-D ends.")
		}
		return io.NopCloser(p.in), -1, nil
	}
	f, err := os.Open(from.input)
	if err != nil {
		return nil, 0, fmt.Errorf("opening --input: %w", err)
	}
	size = -1
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	return f, size, nil
}

// summary says what was published. Whoever scripts this learns from the exit code whether it was all.
func (p *program) summary(r *run, err error, stopped bool) error {
	text := fmt.Sprintf("events published to %s: %d", r.topic, r.written)
	if r.refusable > 0 {
		text += fmt.Sprintf(", of which the worker will refuse %d", r.refusable)
	}
	if r.left > 0 {
		text += fmt.Sprintf("; lines left out: %d", r.left)
	}
	fmt.Fprintln(p.err, text+".")
	switch {
	case err != nil:
		return err
	case stopped:
		return fmt.Errorf("stopped after line %d, before the end", r.last)
	case r.left > 0:
		return errTold
	}
	return nil
}

// run is one produce under way.
type run struct {
	*publisher
	speed float64
	lines <-chan readLine

	pending   []chat.Line
	bytes     int // of pending
	begun     time.Time
	left      int // lines that were no events
	refusable int // published, though the worker will refuse them
	last      int // number of the last line that was published
}

// Bounds of one round: enough that the requests of a round cost more than the wait for its slowest.
const (
	roundLines = 2000
	roundBytes = 1 << 20
)

// publish works until the lines end or ctx does; then what is pending goes out, unless ctx ended.
func (r *run) publish(ctx context.Context) error {
	r.begun = time.Now()
	for ctx.Err() == nil {
		x, more, err := r.next(ctx)
		switch {
		case err != nil:
			return err
		case !more:
			return r.flush(ctx)
		}
		if bad, ok := errors.AsType[*chat.BadLine](x.err); ok {
			r.left++
			r.tell("line %d: %s; left out", bad.Number, bad.Problem)
			continue
		}
		if x.err != nil {
			return errors.Join(r.flush(ctx), x.err)
		}
		if err := r.wait(ctx, x.line.At); err != nil {
			return err
		}
		if !x.line.Valid {
			r.refusable++
			r.tell("line %d: the worker will refuse it; published as it is", x.line.Number)
		}
		r.pending = append(r.pending, x.line)
		r.bytes += len(x.line.Value)
		if len(r.pending) >= roundLines || r.bytes >= roundBytes {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// next gives the next line. When there is none yet, what is pending goes out first: whoever types or pipes
// lines sees each published.
func (r *run) next(ctx context.Context) (x readLine, more bool, err error) {
	select {
	case x, more = <-r.lines:
		return x, more, nil
	default:
	}
	if err := r.flush(ctx); err != nil {
		return x, false, err
	}
	select {
	case x, more = <-r.lines:
		return x, more, nil
	case <-ctx.Done():
		return x, false, nil
	}
}

// wait lets time pass until a line is due, after publishing what is.
func (r *run) wait(ctx context.Context, at time.Duration) error {
	if r.speed == 0 {
		return nil
	}
	due := r.begun.Add(time.Duration(float64(at) / r.speed))
	if time.Until(due) <= 0 {
		return nil
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	select {
	case <-time.After(time.Until(due)):
	case <-ctx.Done():
	}
	return nil
}

func (r *run) flush(ctx context.Context) error {
	if len(r.pending) == 0 || stopped(ctx) {
		return nil
	}
	left, err := r.send(ctx, r.pending)
	r.left += left
	if err == nil {
		r.last = r.pending[len(r.pending)-1].Number
	}
	r.pending, r.bytes = r.pending[:0], 0
	if stopped(ctx) {
		return nil // it was stopped between two tries
	}
	return err
}

func stopped(ctx context.Context) bool { return ctx.Err() != nil }

// readLine is what the input has at one place.
type readLine struct {
	line chat.Line
	err  error
}

// readLines reads on a goroutine of its own, which may outlive ctx while the input gives nothing: a read
// from a terminal can't be called back.
func readLines(ctx context.Context, lines iter.Seq2[chat.Line, error]) <-chan readLine {
	out := make(chan readLine, roundLines) // the next round is read while one is published
	go func() {
		defer close(out)
		for line, err := range lines {
			select {
			case out <- readLine{line, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

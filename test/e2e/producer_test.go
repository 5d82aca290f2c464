//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/internal/chat"
)

// headerLine is the number of a record's line: by it the record is known again when the topic is read.
const headerLine = "line"

// producer publishes traffic until it is stopped. Every other line goes through a client that is
// idempotent, the others through one that isn't, which may write a record twice when brokers fail.
type producer struct {
	traffic traffic
	clients [2]*kgo.Client
	ctx     context.Context
	cancel  context.CancelFunc
	ended   chan struct{}
	pull    func() (chat.Line, bool)
	halt    func()

	mu     sync.Mutex // of the fields below
	lines  []chat.Line
	acked  map[int]ack // by number of the line
	failed error
}

// ack says where a record stands, and when that was heard.
type ack struct {
	place
	at time.Time
}

func newProducer(t testing.TB, c *cluster, topic string, tr traffic) *producer {
	t.Helper()
	p := &producer{traffic: tr, acked: map[int]ack{}}
	p.connect(t, c, topic)
	cfg := tr.config()
	p.pull, p.halt = iter.Pull(chat.Make(cfg))
	t.Cleanup(func() { p.stop(t); p.halt() })
	return p
}

// connect makes the clients, which stick to the topic that bears the name now.
func (p *producer) connect(t testing.TB, c *cluster, topic string) {
	t.Helper()
	common := []kgo.Opt{
		kgo.SeedBrokers(c.addrs...), kgo.AlwaysRetryEOF(), kgo.DefaultProduceTopic(topic), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(5 * time.Millisecond), kgo.MetadataMinAge(200 * time.Millisecond), kgo.MetadataMaxAge(time.Second),
		kgo.MaxBufferedRecords(1_000_000), kgo.ProduceRequestTimeout(5 * time.Second),
	}
	for i, own := range [][]kgo.Opt{
		{kgo.ProducerBatchCompression(kgo.SnappyCompression())},
		{kgo.DisableIdempotentWrite(), kgo.ProducerBatchCompression(kgo.ZstdCompression())},
	} {
		cl, err := kgo.NewClient(append(own, common...)...)
		if err != nil {
			t.Fatalf("making a producer: %v", err)
		}
		p.clients[i] = cl
		t.Cleanup(cl.Close)
	}
}

// start publishes at the traffic's rate, from where it stopped, until stop.
func (p *producer) start() {
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.ended = make(chan struct{})
	go func() {
		defer close(p.ended)
		gap := time.Duration(float64(time.Second) / p.traffic.rate)
		due := time.Now()
		for {
			// Those that a busy machine delayed come at once after it, so that the rate holds.
			if due = due.Add(gap); !waitFor(p.ctx, time.Until(due)) {
				return
			}
			l, ok := p.pull()
			if !ok {
				return
			}
			p.publish(&l)
		}
	}()
}

func (p *producer) publish(l *chat.Line) {
	p.mu.Lock()
	p.lines = append(p.lines, *l)
	p.mu.Unlock()
	r := &kgo.Record{
		Key: l.Key, Value: l.Value, Timestamp: time.Now(),
		Headers: []kgo.RecordHeader{{Key: headerLine, Value: []byte(strconv.Itoa(l.Number))}},
	}
	p.clients[l.Number%2].Produce(context.Background(), r, func(r *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.failed = errors.Join(p.failed, fmt.Errorf("line %d: %w", l.Number, err))
			return
		}
		p.acked[l.Number] = ack{place{r.Partition, r.Offset}, time.Now()}
	})
}

// stop ends the publishing and waits until everything is acknowledged.
func (p *producer) stop(t testing.TB) {
	t.Helper()
	if p.cancel == nil {
		return
	}
	p.cancel()
	<-p.ended
	p.flush(t)
}

func (p *producer) flush(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, cl := range p.clients {
		if err := cl.Flush(ctx); err != nil {
			t.Errorf("publishing: not all is acknowledged: %v", err)
		}
	}
}

// some publishes n lines at once, after a stop, and waits until they are acknowledged.
func (p *producer) some(t testing.TB, n int) {
	t.Helper()
	for range n {
		if l, ok := p.pull(); ok {
			p.publish(&l)
		}
	}
	p.flush(t)
}

// line is the line with the number.
func (p *producer) line(number int) (chat.Line, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if number < 1 || number > len(p.lines) {
		return chat.Line{}, false
	}
	return p.lines[number-1], true
}

// numberOf is the number of the first line with the value; 0: there is none.
func (p *producer) numberOf(value []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return 1 + slices.IndexFunc(p.lines, func(l chat.Line) bool { return bytes.Equal(l.Value, value) })
}

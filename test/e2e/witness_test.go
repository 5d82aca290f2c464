//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// witness is another client, which does nothing else: it reads the topic, and commits to the coordinator of the stand's
// group. For how long it has to wait when the cluster misbehaves is the brokers' part, and not that of the workers.
type witness struct {
	client *kgo.Client
	ctx    context.Context
	end    context.CancelFunc
	ended  sync.WaitGroup

	mu        sync.Mutex // of the fields below
	read      map[int32][]showing
	committed []time.Time
}

// callWitness lets a witness look on until the test ends.
func callWitness(t testing.TB, s *stand) *witness {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	w := &witness{ctx: ctx, end: end, read: map[int32][]showing{}}
	var err error
	w.client, err = kgo.NewClient(
		kgo.SeedBrokers(s.cluster.addrs...), kgo.AlwaysRetryEOF(), kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(time.Second),
		kgo.ConsumeTopics(s.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()), kgo.FetchMaxWait(250*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(time.Second), kgo.RetryTimeout(time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	)
	if err != nil {
		t.Fatalf("making the witness' client: %v", err)
	}
	group := s.neighbour(t)
	w.ended.Go(w.reads)
	w.ended.Go(func() { w.commits(group, s.topic) })
	t.Cleanup(w.close)
	return w
}

func (w *witness) close() {
	w.end()
	w.ended.Wait()
	w.client.Close()
}

func (w *witness) reads() {
	for w.ctx.Err() == nil {
		got := w.client.PollFetches(w.ctx)
		now := time.Now()
		w.mu.Lock()
		got.EachRecord(func(r *kgo.Record) {
			var x showing
			x.At, x.published = now, r.Timestamp
			w.read[r.Partition] = append(w.read[r.Partition], x)
		})
		w.mu.Unlock()
	}
}

func (w *witness) commits(group, topic string) {
	admin := kadm.NewClient(w.client)
	for n := int64(1); waitFor(w.ctx, 50*time.Millisecond); n++ {
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: topic, At: n, LeaderEpoch: -1})
		ctx, end := context.WithTimeout(w.ctx, time.Second)
		err := admin.CommitAllOffsets(ctx, group, offsets)
		end()
		if err == nil {
			w.mu.Lock()
			w.committed = append(w.committed, time.Now())
			w.mu.Unlock()
		}
	}
}

// stood is the longest time in the spans for which the witness couldn't read what stood in a partition's log, or couldn't
// commit.
func (w *witness) stood(t testing.TB, spans []span) (reading, committing time.Duration) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.committed) < 2 || len(w.read) == 0 {
		t.Fatalf("the witness saw nothing: %d commits, %d partitions read", len(w.committed), len(w.read))
	}
	for _, s := range spans {
		for _, list := range w.read {
			reading = max(reading, stillest(list, s.from, s.to))
		}
		for i, at := range w.committed[1:] {
			if before := w.committed[i]; at.After(s.from) && before.Before(s.to) {
				committing = max(committing, at.Sub(before))
			}
		}
	}
	return reading, committing
}

// neighbour is a group that has the same coordinator as the stand's, wherever that moves: the offsets of both are in the
// same partition.
func (s *stand) neighbour(t testing.TB) string {
	t.Helper()
	const topic = "__consumer_offsets"
	m, err := s.cluster.admin.Metadata(t.Context(), topic)
	if err == nil {
		err = m.Topics[topic].Err
	}
	if err != nil {
		t.Fatalf("asking for the partitions of %s: %v", topic, err)
	}
	n := int32(len(m.Topics[topic].Partitions))
	for i := 0; ; i++ {
		if group := fmt.Sprintf("witness.%d", i); slot(group, n) == slot(s.group, n) {
			return group
		}
	}
}

// slot is the partition of n that holds a group's offsets: Java's hash of its name.
func slot(group string, n int32) int32 {
	var h int32
	for _, c := range utf16.Encode([]rune(group)) {
		h = 31*h + int32(c)
	}
	return h & 0x7fffffff % n
}

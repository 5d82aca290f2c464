package group

import (
	"context"
	"fmt"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"roomrelay/internal/fetch"
)

// goneAfter is how many looks in a row must miss a topic that was there: a broker that has just started
// may not know it yet, and believing that would take every partition from everybody.
const goneAfter = 3

// look reads the topic's id, and its partition count from the Transport's metadata. A topic that doesn't exist has 0.
func (m *Member) look(ctx context.Context) error {
	if id, _ := m.TopicID(); id == (fetch.TopicID{}) { // watch is for changes
		if err := m.identify(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // it only waits for the very first answer
	defer cancel()
	got, err := m.cfg.Transport.RoundTrip(ctx, m.cfg.Addr, &metadata.Request{TopicNames: []string{m.cfg.Topic}})
	if err != nil {
		return fmt.Errorf("reading metadata: %w", err)
	}
	answer, ok := got.(*metadata.Response)
	if !ok || len(answer.Topics) != 1 {
		return fmt.Errorf("reading metadata of topic %q: no answer for it", m.cfg.Topic)
	}
	topic := &answer.Topics[0]
	switch code := kafka.Error(topic.ErrorCode); {
	case code == kafka.UnknownTopicOrPartition:
		m.count(0)
	case len(topic.Partitions) > 0: // with an error, too, such as a partition without leader
		m.count(len(topic.Partitions))
	case code != 0:
		return fmt.Errorf("reading metadata of topic %q: %w", m.cfg.Topic, code)
	}
	return nil
}

func (m *Member) count(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > 0 {
		if n != m.total {
			m.cfg.Log.Info().Str("topic", m.cfg.Topic).Int("partitions", n).Int("before", m.total).Msg("topic's partitions")
		}
		m.total, m.missing = n, 0
		return
	}
	m.missing++
	if m.total == 0 || m.missing >= goneAfter {
		m.total = 0
		m.rarely.Error().Str("topic", m.cfg.Topic).Msg("topic doesn't exist, waiting for it")
	}
}

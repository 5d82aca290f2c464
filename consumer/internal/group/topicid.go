package group

import (
	"context"
	"fmt"
	"time"

	"roomrelay/internal/fetch"
)

// idSupport is what brokers do with topics' ids.
type idSupport struct{ tells, fetches bool }

func (m *Member) support(ctx context.Context) (s idSupport, err error) {
	m.mu.Lock()
	asked := m.ids
	m.mu.Unlock()
	if asked != nil {
		return *asked, nil
	}
	s.tells, s.fetches, err = fetch.KnowsIDs(ctx, m.cfg.Transport, m.cfg.Addr)
	if err != nil {
		return s, err
	}
	m.mu.Lock()
	m.ids = &s
	m.mu.Unlock()
	return s, nil
}

// watch looks for another topic of the same name. It has a goroutine of its own, since a broker may be slow to answer,
// and joins must not wait.
func (m *Member) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.suspect:
		}
		if err := m.identify(ctx); err != nil && ctx.Err() == nil {
			m.rarely.Warn().Err(err).Msg("topic's id not read")
		}
	}
}

// Suspect says that the topic may have been made anew, so that it is looked at soon.
func (m *Member) Suspect() {
	select {
	case m.suspect <- struct{}{}:
	default: // it is looked at already
	}
}

// identify reads the topic's id and takes it in. Brokers that don't tell ids leave it as it is.
func (m *Member) identify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := m.support(ctx)
	if err != nil || !s.tells {
		return err
	}
	id, err := fetch.ReadTopicID(ctx, m.cfg.Transport, m.cfg.Addr, m.cfg.ClientID, m.cfg.Topic)
	if err != nil {
		return fmt.Errorf("reading the id of topic %q: %w", m.cfg.Topic, err)
	}
	m.known(id)
	return nil
}

// known takes in the topic's id. One that was replaced doesn't come back: a broker that says so is behind.
func (m *Member) known(id fetch.TopicID) {
	m.mu.Lock()
	before := m.topicID
	if id == (fetch.TopicID{}) || id == before || m.formerIDs[id] {
		m.mu.Unlock()
		return
	}
	m.topicID = id
	m.formerIDs[before] = true
	m.mu.Unlock()
	if before != (fetch.TopicID{}) {
		m.cfg.Log.Error().Str("topic", m.cfg.Topic).Stringer("id", id).Stringer("before", before).Msg("topic was deleted and made anew")
		m.cfg.Claims.Remade(id)
	}
}

// TopicID is the topic's id as it was seen last; zero: not known. byID says that brokers take fetches by it.
func (m *Member) TopicID() (id fetch.TopicID, byID bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.topicID, m.ids != nil && m.ids.fetches
}

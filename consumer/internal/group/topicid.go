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

// lookAgain is after the first look that leaves a doubt, since the broker that was asked is behind: what can't be committed
// isn't sent. Each further one waits for twice as long, up to lookEvery: a topic may be away for hours.
const lookAgain = 50 * time.Millisecond

// watch looks for another topic of the same name. It has a goroutine of its own, since a broker may be slow to answer,
// and joins must not wait.
func (m *Member) watch(ctx context.Context) {
	wait := lookEvery
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-m.suspect:
			wait = lookAgain
		}
		if err := m.identify(ctx); err != nil && ctx.Err() == nil {
			m.rarely.Warn().Err(err).Msg("topic's id not read")
		}
		if id, _ := m.TopicID(); m.stands(id) {
			wait = lookEvery
		}
		timer.Reset(wait)
		wait = min(2*wait, lookEvery)
	}
}

// Suspect says that the topic may have been made anew, so that it is looked at soon. Until its id was read nothing is
// committed.
func (m *Member) Suspect() {
	m.mu.Lock()
	m.doubts++
	m.mu.Unlock()
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
	m.mu.Lock()
	doubts := m.doubts // of later ones, the answer may know nothing
	m.mu.Unlock()
	id, err := fetch.ReadTopicID(ctx, m.cfg.Transport, m.cfg.Addr, m.cfg.ClientID, m.cfg.Topic)
	if err != nil {
		return fmt.Errorf("reading the id of topic %q: %w", m.cfg.Topic, err)
	}
	m.known(id, doubts)
	return nil
}

// known takes in the topic's id, as it was read after so many doubts. One that was replaced doesn't come back: a broker that
// says so is behind.
func (m *Member) known(id fetch.TopicID, doubts int) {
	m.mu.Lock()
	before := m.topicID
	if id == (fetch.TopicID{}) || m.formerIDs[id] {
		m.mu.Unlock()
		return
	}
	m.cleared = doubts
	if id == before {
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

// stands says that the topic is the one with this id still, for all that is known. A commit names no id: one for a former
// topic would be applied to the new one. Walk-through: the topic is deleted; a commit is refused for that; the topic is
// made anew; the commit is sent again and applied; only then the id is read, and the former topic's claims end. So from
// the first word that the topic isn't there, nothing is committed until its id was read.
func (m *Member) stands(id fetch.TopicID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return id == m.topicID && (m.cleared == m.doubts || id == (fetch.TopicID{}))
}

// TopicID is the topic's id as it was seen last; zero: not known. byID says that brokers take fetches by it.
func (m *Member) TopicID() (id fetch.TopicID, byID bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.topicID, m.ids != nil && m.ids.fetches
}

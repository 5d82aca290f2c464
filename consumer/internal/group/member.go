package group

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/rs/zerolog"
	kafka "github.com/segmentio/kafka-go"

	"roomrelay/internal/fetch"
)

// Claims is what the member knows of the work on its partitions. None of its methods may wait for the
// Member.
type Claims interface {
	// Owned returns the partitions that are worked on, those that are being given up too.
	Owned() []int32
	// Assign tells the whole assignment. What is owned and not in it is to be given up, and then Rejoin
	// to be called, so that the leader can give it to somebody else; what is new is to be taken.
	Assign(partitions []int32)
	// Lost says that the member was dropped: nothing is owned any more, from now on.
	Lost(err error)
	// Remade says that the topic was deleted and made anew, with this id: what is worked on is of a log that is no
	// more, and its partitions are to be taken anew.
	Remade(id fetch.TopicID)
}

// Config of a Member. All but InstanceID and ClientID must be set.
type Config struct {
	Transport kafka.RoundTripper
	Addr      net.Addr

	Topic      string
	Group      string
	InstanceID string
	ClientID   string

	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration
	RequestTimeout   time.Duration
	Lease            time.Duration
	Wall             func() time.Time

	Claims Claims
	Log    zerolog.Logger
}

// ErrFenced ends Run: somebody else joined with the same instance id.
var ErrFenced = errors.New("another worker has joined the group with the same instance-id")

// lookEvery is how often the topic's id and partition count are read. The first is a small request, for the second
// the Transport answers from its cache; new partitions may wait a few seconds.
const lookEvery = 2 * time.Second

// Member is one membership of one group.
type Member struct {
	cfg     Config
	lease   *lease
	again   chan string // why to join again
	suspect chan struct{}
	stop    chan struct{}
	fail    context.CancelCauseFunc // of Run
	rarely  zerolog.Logger          // of what may repeat

	// told orders the calls of Claims.Assign and Claims.Lost. It is taken before mu.
	told sync.Mutex

	mu         sync.Mutex // of all below
	id         string     // "": the coordinator is to give one
	generation int32      // -1: none
	synced     int32      // the generation under which the claims are held; -1: none
	round      uint64     // counts the begins and ends of joins, to tell what was sent before
	joining    bool       // between a JoinGroup's sending and the answer to its SyncGroup
	leads      bool
	planned    int        // partitions that the leader's plan knew
	total      int        // partitions that the topic has; 0: none, or not known
	missing    int        // how often in a row the topic wasn't there
	ids        *idSupport // nil: not known
	topicID    fetch.TopicID
	formerIDs  map[fetch.TopicID]bool // of topics of that name that are no more
	doubts     int                    // how often brokers said that the topic isn't there
	cleared    int                    // as many of these were before its id was read last
	stopping   bool
	trouble    error // why it isn't a member now
}

// New returns a Member that has sent nothing yet.
func New(cfg Config) *Member {
	return &Member{
		cfg:        cfg,
		lease:      newLease(&cfg),
		again:      make(chan string, 1),
		stop:       make(chan struct{}),
		rarely:     cfg.Log.Sample(&zerolog.BurstSampler{Burst: 3, Period: 30 * time.Second}),
		formerIDs:  map[fetch.TopicID]bool{},
		suspect:    make(chan struct{}, 1),
		generation: -1,
		synced:     -1,
		planned:    -1,
		trouble:    errors.New("not joined yet"),
	}
}

// Run keeps the membership until ctx ends (its cause is returned) or the coordinator refuses it for a
// reason that doesn't pass. It doesn't leave the group.
func (m *Member) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m.mu.Lock()
	m.fail = cancel
	m.mu.Unlock()
	var beats sync.WaitGroup
	defer beats.Wait()
	defer cancel(nil) // before the wait: deferred calls run in reverse
	beats.Go(func() { m.beat(ctx) })
	beats.Go(func() { m.watch(ctx) })

	// Up to 2 s: a coordinator that moves is back in about that time, and nobody should hammer it.
	retry := backoff.NewExponentialBackOff(backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second), backoff.WithMaxElapsedTime(0))
	reason := "joining"
	for ctx.Err() == nil {
		err := m.look(ctx)
		if err == nil {
			err = m.join(ctx, reason)
		}
		if err != nil && ctx.Err() == nil {
			m.note(err)
		}
		if err != nil {
			pause(ctx, retry.NextBackOff())
			continue
		}
		retry.Reset()
		reason = m.rest(ctx)
	}
	return context.Cause(ctx)
}

// note remembers why there is no membership, for Err.
func (m *Member) note(err error) {
	m.mu.Lock()
	m.trouble = err
	m.mu.Unlock()
	m.rarely.Warn().Err(err).Str("group", m.cfg.Group).Msg("not in the group yet, trying again")
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// rest waits until there is a reason to join again.
func (m *Member) rest(ctx context.Context) (reason string) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-m.stop:
			<-ctx.Done()
			return ""
		case reason = <-m.again:
			return reason
		case <-tick.C:
			if err := m.look(ctx); err != nil {
				m.rarely.Warn().Err(err).Msg("topic's partitions not read")
			} else if m.outdated() {
				return "the topic's partitions changed"
			}
		}
	}
}

// outdated says that this member leads and planned for another number of partitions.
func (m *Member) outdated() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leads && m.planned != m.total
}

// Rejoin asks for another rebalance.
func (m *Member) Rejoin(reason string) {
	select {
	case m.again <- reason:
	default: // one is asked for already
	}
}

// Stop ends joining: heartbeats and commits go on, what is assigned stays, and when the group rebalances
// the others wait for this member to leave or to be dropped. A join under way comes to its end, since
// the group waits for it.
func (m *Member) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopping {
		m.stopping = true
		close(m.stop)
	}
}

// Leased says that the partitions are still this member's: no other can have got one yet, and none will
// while an attempt that begins now lasts.
func (m *Member) Leased() bool { return m.lease.valid() }

// Total returns the topic's partition count; 0: not known, or no such topic.
func (m *Member) Total() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// Err says why this member takes no part, or nil.
func (m *Member) Err() error {
	m.mu.Lock()
	trouble, missing := m.trouble, m.missing > 0 && m.total == 0
	m.mu.Unlock()
	switch {
	case missing:
		return fmt.Errorf("topic %q doesn't exist", m.cfg.Topic)
	case trouble != nil:
		return fmt.Errorf("not in group %q: %w", m.cfg.Group, trouble)
	case !m.lease.valid():
		return fmt.Errorf("no heartbeat of group %q was answered for %v", m.cfg.Group, m.cfg.Lease)
	}
	return nil
}

// identity is what a request is signed with, and when: see heard.
type identity struct {
	id         string
	generation int32
	round      uint64
	joining    bool
}

func (m *Member) identity() (identity, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return identity{m.id, m.generation, m.round, m.joining}, m.id != "" && m.generation >= 0
}

// current says that no join began or ended since a request was signed, and none was under way.
func (m *Member) current(i identity) bool { return i.round == m.round && !m.joining }

// dropped judges an error that says that the request's signer isn't a member (any more).
//
// An illegal generation (22) is no such thing while a join is under way, or if one began or ended since
// the request was signed. Walk-through: the coordinator completes the join and moves to the next
// generation; its answer is on the way; a heartbeat with the old generation arrives and is refused. The
// member is alive and well.
func (m *Member) dropped(i identity, code kafka.Error) {
	m.told.Lock()
	defer m.told.Unlock()
	m.mu.Lock()
	if i.id != m.id || m.id == "" || code == kafka.IllegalGeneration && !m.current(i) {
		m.mu.Unlock()
		return
	}
	m.id, m.generation, m.synced = "", -1, -1
	m.leads = false
	m.trouble = fmt.Errorf("dropped from the group: %w", code)
	m.lease.end()
	fail := m.fail
	m.mu.Unlock()
	m.cfg.Claims.Lost(code)
	if code == kafka.FencedInstanceID {
		fail(fmt.Errorf("%w %q", ErrFenced, m.cfg.InstanceID))
	}
	m.Rejoin("dropped from the group")
}

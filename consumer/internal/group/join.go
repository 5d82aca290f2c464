package group

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/syncgroup"
)

const protocolType = "consumer"

// join is one JoinGroup and SyncGroup, with what is owned staying owned (KIP-429).
func (m *Member) join(ctx context.Context, reason string) error {
	m.mu.Lock()
	if m.stopping {
		m.mu.Unlock()
		<-ctx.Done()
		return context.Cause(ctx)
	}
	m.joining = true
	m.round++
	m.mu.Unlock()
	select { // what asked for this join is served by it: Owned is read later
	case <-m.again:
	default:
	}
	res, err := m.sendJoin(ctx, reason)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.id, m.generation = res.MemberID, res.GenerationID
	m.mu.Unlock()
	leads, assignments, planned := m.lead(res)
	answer, sent, err := m.sendSync(ctx, res, assignments)
	if err != nil {
		return err
	}
	partitions, err := decodeAssignment(answer, m.cfg.Topic)
	if err != nil {
		return fmt.Errorf("reading the assignment: %w", err)
	}
	if planned < 0 {
		if planned, err = m.assigned(ctx); err != nil {
			m.rarely.Warn().Err(err).Msg("the plan that stands isn't known, so there will be another one")
		}
	}
	m.accept(res, leads, planned, sent, partitions)
	return nil
}

// accept begins the new generation, unless the member was dropped meanwhile.
func (m *Member) accept(res *joinResponse, leads bool, planned int, sent *moment, partitions []int32) {
	m.told.Lock()
	defer m.told.Unlock()
	m.mu.Lock()
	m.joining = false
	m.round++
	if m.id != res.MemberID {
		m.mu.Unlock()
		return
	}
	m.synced = res.GenerationID
	m.leads, m.planned = leads, planned
	m.trouble = nil
	m.lease.renew(sent, true)
	m.mu.Unlock()
	m.cfg.Log.Info().Str("group", m.cfg.Group).Int32("generation", res.GenerationID).Str("member", res.MemberID).
		Bool("leader", leads).Ints32("partitions", partitions).Msg("joined")
	m.cfg.Claims.Assign(partitions)
}

// sendJoin sends JoinGroup until it is answered well, or with an error that needs a pause.
func (m *Member) sendJoin(ctx context.Context, reason string) (*joinResponse, error) {
	for {
		m.mu.Lock()
		id, synced := m.id, m.synced
		m.mu.Unlock()
		req := &joinRequest{
			GroupID:            m.cfg.Group,
			SessionTimeoutMS:   int32(m.cfg.SessionTimeout.Milliseconds()),
			RebalanceTimeoutMS: int32(m.cfg.RebalanceTimeout.Milliseconds()),
			MemberID:           id,
			GroupInstanceID:    m.cfg.InstanceID,
			ProtocolType:       protocolType,
			Protocols:          []joinProtocol{{protocolName, encodeSubscription(m.cfg.Topic, m.cfg.Claims.Owned(), synced)}},
			Reason:             m.cfg.ClientID + ": " + reason,
		}
		answered, cancel := m.whileHeard(ctx)
		// The answer comes when all have joined, at the latest after the rebalance time-out.
		res, err := roundTrip[*joinResponse](answered, m, m.cfg.RebalanceTimeout+m.cfg.SessionTimeout/10, req)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("joining group %q: %w", m.cfg.Group, err)
		}
		switch code := kafka.Error(res.ErrorCode); code {
		case 0:
			return res, nil
		case kafka.MemberIDRequired:
			m.mu.Lock()
			m.id = res.MemberID
			m.mu.Unlock()
			continue
		default:
			return nil, m.refused("joining", identity{id: id}, code)
		}
	}
}

// whileHeard returns a context that ends when the coordinator seems frozen, or has forgotten this member:
// no heartbeat that was sent within the last third of a session was answered well. Waiting for its
// JoinGroup for the whole rebalance time-out would cost the session. Sending another one then does no
// harm, since the coordinator lets it take the earlier one's place; sending one as a habit would, with a
// broker that starts the rebalance time-out anew for each. A member that is new has no heartbeats to go by.
func (m *Member) whileHeard(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(m.cfg.SessionTimeout / 10)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if m.lease.silent(m.patience()) {
					cancel()
				}
			}
		}
	}()
	return ctx, cancel
}

// patience is how long a coordinator may be silent: three such waits fit into a session.
func (m *Member) patience() time.Duration { return m.cfg.SessionTimeout / 3 }

// refused judges an error of JoinGroup or SyncGroup.
func (m *Member) refused(what string, i identity, code kafka.Error) error {
	err := fmt.Errorf("%s group %q: %w", what, m.cfg.Group, code)
	switch code {
	case kafka.UnknownMemberId, kafka.FencedInstanceID:
		if i.id == "" && code == kafka.FencedInstanceID {
			m.end(fmt.Errorf("%w %q", ErrFenced, m.cfg.InstanceID))
		}
		m.dropped(i, code)
	case kafka.InvalidSessionTimeout:
		m.end(fmt.Errorf("session-timeout %v is outside of what the broker allows (group.min.session.timeout.ms to group.max.session.timeout.ms): %w", m.cfg.SessionTimeout, err))
	case kafka.InvalidGroupId:
		m.end(err)
	case kafka.InconsistentGroupProtocol:
		return fmt.Errorf("the group's other members don't speak %q (another kind of client has joined): %w", protocolName, err)
	}
	return err
}

func (m *Member) end(err error) {
	m.mu.Lock()
	fail := m.fail
	m.mu.Unlock()
	fail(err)
}

// lead makes the plan if this member is to make one. Without LeaderID the broker itself assigns (a
// KIP-848 group). planned is the partition count that the plan is good for; -1: it is one that was made before, see
// assigned.
func (m *Member) lead(res *joinResponse) (leads bool, assignments []syncgroup.RequestAssignment, planned int) {
	planned = m.Total()
	switch {
	case res.LeaderID == "":
		return false, nil, planned
	case res.LeaderID != res.MemberID:
		// Before JoinGroup 9 the leader of static members that restarts is told its old member id, and no
		// members: the old plan stands, but it is still this member that must watch the partitions.
		const uuid = 36
		own := m.cfg.InstanceID + "-"
		if m.cfg.InstanceID != "" && len(res.LeaderID) == len(own)+uuid && strings.HasPrefix(res.LeaderID, own) {
			return true, nil, -1
		}
		return false, nil, planned
	case res.SkipAssignment:
		return true, nil, -1
	}
	members := make([]*candidate, 0, len(res.Members))
	for _, x := range res.Members {
		s, err := decodeSubscription(x.Metadata)
		if err != nil {
			m.cfg.Log.Error().Err(err).Str("member", x.MemberID).Msg("member gets nothing: its metadata can't be read")
			continue
		}
		c := &candidate{id: x.MemberID, order: x.GroupInstanceID + "\x00" + x.MemberID, generation: s.generation, owned: s.owned[m.cfg.Topic]}
		if !slices.Contains(s.topics, m.cfg.Topic) {
			m.cfg.Log.Error().Str("member", x.MemberID).Msg("member gets nothing: it reads other topics")
			continue
		}
		members = append(members, c)
	}
	plan(members, planned)
	for _, c := range members {
		assignments = append(assignments, syncgroup.RequestAssignment{MemberID: c.id, Assignment: encodeAssignment(m.cfg.Topic, c.gets)})
	}
	return true, assignments, planned
}

// assigned counts the partitions that the group's members have: the plan of a leader that comes back without having to
// make one knew as many. It is less while partitions are on their way from one member to another; then another plan is
// due anyway. An error, with -1, leads to one, too, which costs little.
func (m *Member) assigned(ctx context.Context) (n int, err error) {
	answer, err := roundTrip[*describegroups.Response](ctx, m, m.patience(), &describegroups.Request{Groups: []string{m.cfg.Group}})
	if err == nil && len(answer.Groups) != 1 {
		err = errors.New("no answer for it")
	}
	if err == nil && answer.Groups[0].ErrorCode != 0 {
		err = kafka.Error(answer.Groups[0].ErrorCode)
	}
	if err != nil {
		return -1, fmt.Errorf("reading what members of group %q have: %w", m.cfg.Group, err)
	}
	all := map[int32]bool{}
	for _, x := range answer.Groups[0].Members {
		partitions, err := decodeAssignment(x.MemberAssignment, m.cfg.Topic)
		if err != nil {
			return -1, fmt.Errorf("reading what member %q of group %q has: %w", x.MemberID, m.cfg.Group, err)
		}
		for _, p := range partitions {
			all[p] = true
		}
	}
	return len(all), nil
}

// sendSync sends SyncGroup. When its answer is lost it is sent again: joining again instead would begin
// another rebalance.
func (m *Member) sendSync(ctx context.Context, res *joinResponse, assignments []syncgroup.RequestAssignment) (assignment []byte, sent *moment, err error) {
	req := &syncgroup.Request{
		GroupID:         m.cfg.Group,
		GenerationID:    res.GenerationID,
		MemberID:        res.MemberID,
		GroupInstanceID: m.cfg.InstanceID,
		ProtocolType:    protocolType,
		ProtocolName:    protocolName,
		Assignments:     assignments,
	}
	const tries = 3
	for try := range tries {
		if try > 0 {
			pause(ctx, 200*time.Millisecond)
		}
		sent = m.lease.now()
		var answer *syncgroup.Response
		answer, err = roundTrip[*syncgroup.Response](ctx, m, m.patience(), req)
		if err != nil {
			err = fmt.Errorf("syncing group %q: %w", m.cfg.Group, err)
			continue
		}
		if code := kafka.Error(answer.ErrorCode); code != 0 {
			return nil, nil, m.refused("syncing", identity{id: res.MemberID}, code)
		}
		return answer.Assignments, sent, nil
	}
	return nil, nil, err
}

// Leave ends the membership, so that the partitions go to others at once. Everything must have been given
// up before.
func (m *Member) Leave(ctx context.Context) error {
	m.mu.Lock()
	id := m.id
	m.id, m.generation, m.synced = "", -1, -1
	m.trouble = errors.New("has left")
	m.lease.end()
	m.mu.Unlock()
	if id == "" {
		return nil
	}
	const bound = 3 * time.Second // the session ends by itself otherwise
	res, err := roundTrip[*leaveResponse](ctx, m, bound, &leaveRequest{
		GroupID:  m.cfg.Group,
		MemberID: id,
		Members:  []leaveMember{{MemberID: id, GroupInstanceID: m.cfg.InstanceID}},
	})
	if err == nil && res.ErrorCode != 0 {
		err = kafka.Error(res.ErrorCode)
	}
	if err == nil && len(res.Members) > 0 && res.Members[0].ErrorCode != 0 {
		err = kafka.Error(res.Members[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("leaving group %q: %w", m.cfg.Group, err)
	}
	return nil
}

// roundTrip sends req and waits for its answer, for no longer than limit. The deadline matters: without
// one, kafka-go's connection would wait for the answer even after ctx has ended.
func roundTrip[T kafka.Response](ctx context.Context, m *Member, limit time.Duration, req kafka.Request) (answer T, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	got, err := m.cfg.Transport.RoundTrip(ctx, m.cfg.Addr, req)
	if err != nil {
		return answer, err
	}
	answer, ok := got.(T)
	if !ok {
		return answer, fmt.Errorf("answer of an unexpected kind: %T", got)
	}
	return answer, nil
}

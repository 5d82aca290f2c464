package group

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	kafka "github.com/segmentio/kafka-go"
)

// A member without network: what its requests would be told is told by the test.
func lonely(t *testing.T) (*Member, *double) {
	d := &double{kept: map[int32]int{}}
	d.member = New(Config{
		SessionTimeout: 45 * time.Second, RebalanceTimeout: time.Minute, RequestTimeout: 5 * time.Second,
		Lease: 15 * time.Second, Wall: time.Now, Claims: d, Log: zerolog.Nop(),
	})
	d.member.fail = func(error) {}
	d.member.joining = true
	d.member.id, d.member.generation = "m", 4
	d.member.accept(&joinResponse{MemberID: "m", GenerationID: 4}, true, 1, d.member.lease.now(), []int32{0})
	return d.member, d
}

func TestAnIllegalGenerationIsNeutralWhileJoining(t *testing.T) {
	m, d := lonely(t)
	stable, _ := m.identity()
	m.mu.Lock()
	m.joining = true
	m.round++
	m.mu.Unlock()
	during, _ := m.identity()
	m.heard(stable, m.lease.now(), kafka.IllegalGeneration)
	m.heard(during, m.lease.now(), kafka.IllegalGeneration)
	m.generation = 5
	m.accept(&joinResponse{MemberID: "m", GenerationID: 5}, true, 1, m.lease.now(), []int32{0})
	m.heard(during, m.lease.now(), kafka.IllegalGeneration) // answered late
	if len(d.lost) != 0 || !m.Leased() {
		t.Fatal("a refusal of the old generation during a join was taken for a lost membership")
	}
	now, _ := m.identity()
	m.heard(now, m.lease.now(), kafka.IllegalGeneration)
	if len(d.lost) != 1 || m.Leased() {
		t.Fatal("a refusal of the current generation changed nothing")
	}
}

func TestAnUnknownMemberIsLostAtOnceAlsoWhileJoining(t *testing.T) {
	m, d := lonely(t)
	i, _ := m.identity()
	m.joining = true
	m.heard(i, m.lease.now(), kafka.UnknownMemberId)
	if len(d.lost) != 1 || m.Leased() {
		t.Fatal("still owns after the coordinator forgot it")
	}
	m.heard(i, m.lease.now(), 0)
	if m.Leased() {
		t.Fatal("a late answer revived the lease of a lost membership")
	}
}

func TestCoordinatorTroubleIsNotALoss(t *testing.T) {
	m, d := lonely(t)
	i, _ := m.identity()
	for _, code := range []kafka.Error{kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup, kafka.Unknown} {
		m.heard(i, m.lease.now(), code)
	}
	if len(d.lost) != 0 || !m.Leased() || len(m.again) != 0 {
		t.Fatal("a coordinator that moves was taken for a lost membership")
	}
}

func TestAnOldRebalanceIsNotJoinedTwice(t *testing.T) {
	m, _ := lonely(t)
	old, _ := m.identity()
	m.heard(old, m.lease.now(), kafka.RebalanceInProgress)
	if len(m.again) != 1 {
		t.Fatal("a rebalance was not joined")
	}
	<-m.again
	m.mu.Lock()
	m.joining = true
	m.round++
	m.mu.Unlock()
	m.accept(&joinResponse{MemberID: "m", GenerationID: 4}, false, 1, m.lease.now(), []int32{0}) // the same generation: KIP-848
	m.heard(old, m.lease.now(), kafka.RebalanceInProgress)
	if len(m.again) != 0 {
		t.Fatal("the answer to a heartbeat from before the join made another one")
	}
	now, _ := m.identity()
	m.heard(now, m.lease.now(), kafka.RebalanceInProgress)
	if len(m.again) != 1 {
		t.Fatal("a rebalance in the same generation was not joined")
	}
}

func TestATopicThatIsMissingForAMomentStays(t *testing.T) {
	m, _ := lonely(t)
	m.count(4)
	m.count(0)
	m.count(0)
	if m.Total() != 4 {
		t.Fatal("every partition would be taken from everybody because of a broker that has just started")
	}
	m.count(4)
	m.count(0)
	m.count(0)
	m.count(0)
	if m.Total() != 0 || m.Err() == nil {
		t.Fatal("a topic that is gone is still counted")
	}
}

func TestOnlyACommitThatCannotComeAnyMoreCountsAsRefused(t *testing.T) {
	for code, want := range map[kafka.Error]Outcome{
		0:                                  Applied,
		kafka.RequestTimedOut:              Undecided,
		kafka.GroupCoordinatorNotAvailable: Undecided,
		kafka.Unknown:                      Undecided,
		kafka.RebalanceInProgress:          Refused,
		kafka.NotCoordinatorForGroup:       Refused,
		kafka.GroupLoadInProgress:          Refused,
		kafka.OffsetMetadataTooLarge:       TooLarge,
		kafka.IllegalGeneration:            Refused,
	} {
		m, _ := lonely(t)
		i, _ := m.identity()
		if got := m.committed(i, code); got != want {
			t.Errorf("%v: outcome %d, want %d", code, got, want)
		}
	}
	if !neverSent(&net.OpError{Op: "dial", Err: io.EOF}) || neverSent(&net.OpError{Op: "read", Err: io.EOF}) || neverSent(context.DeadlineExceeded) {
		t.Error("which errors come before the sending")
	}
	// A login that fails, or a renewal, has sent nothing, whatever the network did.
	if !neverSent(fmt.Errorf("committing: %w", dialed(true))) || neverSent(dialed(false)) {
		t.Error("which errors the dialer says to come before the sending")
	}
}

// dialed is an error as the program's dialer makes it.
type dialed bool

func (dialed) Error() string     { return "dialed" }
func (d dialed) NeverSent() bool { return bool(d) }

func TestWithoutLeaderTheBrokerPlans(t *testing.T) {
	m, _ := lonely(t)
	m.cfg.InstanceID = "a"
	old := "a-0123456789-0123456789-0123456789-0123"
	for name, x := range map[string]struct {
		res   joinResponse
		leads bool
		plans int
	}{
		"KIP-848":                  {joinResponse{MemberID: "m"}, false, 0},
		"another leads":            {joinResponse{MemberID: "m", LeaderID: "x"}, false, 0},
		"leader without a plan":    {joinResponse{MemberID: "m", LeaderID: "m", SkipAssignment: true}, true, 0},
		"leader by its old id":     {joinResponse{MemberID: "m", LeaderID: old[:38]}, true, 0},
		"leader of a longer name":  {joinResponse{MemberID: "m", LeaderID: "a-b-" + old[2:38]}, false, 0},
		"leader with two, one odd": {joinResponse{MemberID: "m", LeaderID: "m", Members: []joinMember{{MemberID: "m", Metadata: encodeSubscription("", nil, -1)}, {MemberID: "odd", Metadata: []byte{0}}}}, true, 1},
	} {
		if leads, plans, _ := m.lead(&x.res); leads != x.leads || len(plans) != x.plans {
			t.Errorf("%s: leads %v, %d assignments", name, leads, len(plans))
		}
	}
}

// A rebalance that doesn't end must end the lease, also when it has come to the SyncGroup, where heartbeats
// are answered as if nothing were the matter.
func TestAHeartbeatDuringAJoinDoesNotSayThatTheRebalanceIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := lonely(t)
		m.joining = true
		during, _ := m.identity()
		for range 19 {
			time.Sleep(3 * time.Second)
			m.heard(during, m.lease.now(), 0)
		}
		if m.Leased() {
			t.Fatal("leased 57 s into a rebalance that drops the member after 60")
		}
	})
}

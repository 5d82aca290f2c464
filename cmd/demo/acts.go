package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/chat"
	"roomrelay/internal/imsim"
)

// act is one way in which things go wrong for a while.
type act struct {
	name   string
	length time.Duration
	rules  []imsim.Rule
	repeat imsim.Repeat
	begin  func(*stage) (end func()) // nil: only rules
	once   bool                      // not again when the acts are gone through once more
}

// programme is all acts in their order. Together they take a little longer than made chat does, so that
// the last ones come upon a backlog.
//
// Messages that are left out of both lists are taken here. Those that aren't may rightly be shown after
// the ones that shared their call, which the audit couldn't tell from a swap.
func (s *stage) programme() []act {
	hot := []int64{s.cast.hot}
	return []act{
		{name: "all is well", length: time.Second},
		{name: "answers are slow", length: 1500 * time.Millisecond, rules: []imsim.Rule{
			{Do: imsim.DoLatency, Latency: imsim.Latency{P50: 60 * time.Millisecond, P99: 600 * time.Millisecond, Spike: 3 * time.Second, SpikeShare: 0.01}},
			{Do: imsim.DoSlow, Chance: 0.05, Delay: 300 * time.Millisecond},
		}},
		{name: "the API is busy, gateways answer for it", length: 1500 * time.Millisecond, rules: []imsim.Rule{
			{Do: imsim.DoCode, Code: 503, Chance: 0.05},
			{Do: imsim.DoCode, Code: 500, Chance: 0.03, Taken: true},
			{Do: imsim.DoStatus, Status: 502, Chance: 0.05},
			{Do: imsim.DoStatus, Status: 503, RetryAfter: "1", Chance: 0.02},
		}},
		{name: "connections are cut", length: 2 * time.Second, rules: []imsim.Rule{
			{Name: "cut before", Do: imsim.DoReset, Chance: 0.05},
			{Name: "cut after", Do: imsim.DoReset, Taken: true, Chance: 0.05},
			{Name: "cut amid", Do: imsim.DoHalf, Taken: true, Chance: 0.05},
		}},
		{name: "the dead-letter topic is read-only", length: 2 * time.Second, begin: closeLetterTopic},
		{name: "one room is in trouble", length: 2 * time.Second, rules: []imsim.Rule{{Do: imsim.DoCode, Code: 503, Rooms: hot}}},
		{name: "brokers move", length: 1500 * time.Millisecond, begin: moveBrokers},
		{name: "the API is down", length: 2500 * time.Millisecond, begin: closeAPI, rules: []imsim.Rule{
			{Name: "down", Do: imsim.DoReset, Chance: 0.5},
			{Name: "gateway only", Do: imsim.DoStatus, Status: 503},
		}},
		{name: "answers are hard to read", length: 2 * time.Second, repeat: imsim.Repeat417, rules: []imsim.Rule{
			{Do: imsim.DoGarbage, Taken: true, Chance: 0.04},
			{Do: imsim.DoPage, Chance: 0.02},
			{Do: imsim.DoStrings, Chance: 0.3},
			{Do: imsim.DoCodeString, Chance: 0.3},
			{Do: imsim.DoShuffle, Chance: 0.3},
			{Do: imsim.DoNoSuccess, Chance: 0.2},
			{Do: imsim.DoLeaveOut, Taken: true, Chance: 0.2, Share: 0.3},
		}},
		// The API's penalty: whoever calls again before it is over only sees 416.
		{name: "the quota is exceeded", length: 10 * time.Second, once: true, rules: []imsim.Rule{{Do: imsim.DoCode, Code: 416, Count: 1}}},
	}
}

// cast is who plays a part in the faults: rooms that lines go to.
type cast struct {
	closed, hot int64
}

// castOf picks the most frequent room of the first lines, and a quiet one.
func castOf(lines []chat.Line) cast {
	counts := map[int64]int{}
	for _, l := range lines {
		if l.Valid {
			counts[l.Room]++
		}
	}
	rooms := byCount(counts)
	if len(rooms) < 3 {
		return cast{} // no part to play: with so few rooms a closed one would be all there is
	}
	return cast{hot: rooms[0], closed: rooms[len(rooms)*3/4]}
}

// moderation and poison pick their messages by msgId, for good and over all acts.
var (
	moderation = imsim.Rule{Name: "moderation", Do: imsim.DoRefuse, Share: 0.004}
	poison     = imsim.Rule{Name: "poison", Do: imsim.DoPoison, Code: 414, Desc: "attach is not acceptable", Share: 0.002}
)

// standing are the refusals for good, which hold in every act: of these, and of nothing else, letters are
// made. They stand first, so that nothing else hides them.
func (s *stage) standing() []imsim.Rule {
	rules := []imsim.Rule{moderation, poison}
	if s.cast.closed != 0 {
		rules = append(rules, imsim.Rule{Name: "closed room", Do: imsim.DoCode, Code: 404, Rooms: []int64{s.cast.closed}})
	}
	return rules
}

// refused says whether one of the standing rules refuses the line for good.
func (s *stage) refused(l chat.Line) bool {
	return s.options.faults && l.Valid && (l.Room == s.cast.closed ||
		moderation.Picks(s.options.seed, l.MsgID) || poison.Picks(s.options.seed, l.MsgID))
}

// play goes through the acts, again and again until most of what is to be published is settled. What is
// left then is settled with nothing but the standing refusals.
func (s *stage) play(ctx context.Context) {
	defer func() { s.enter(act{name: "refusals only"}) }()
	for round := 0; ; round++ {
		for _, a := range s.programme() {
			if a.once && round > 0 {
				continue
			}
			end := s.enter(a)
			s.last(ctx, a.length)
			end()
			if ctx.Err() != nil || s.doneShare() > 0.95 {
				return
			}
		}
		if s.doneShare() > 0.5 {
			return
		}
	}
}

// last lets an act last its length. Once everything is published it is over sooner if much gets done in
// it: a backlog that is worked off at full speed should see the acts to come too.
func (s *stage) last(ctx context.Context, length time.Duration) {
	const much = 1. / 12 // of all: there are ten acts
	until, before := time.Now().Add(length), s.doneShare()
	for time.Now().Before(until) && sleep(ctx, 50*time.Millisecond) {
		if s.producer.done.Load() && s.doneShare() > before+much {
			return
		}
	}
}

// enter begins an act.
func (s *stage) enter(a act) (end func()) {
	s.act.Store(&a.name)
	s.sim.SetFaults(&imsim.Faults{Repeat: a.repeat, Rules: append(s.standing(), a.rules...)})
	if a.begin == nil {
		return func() {}
	}
	return a.begin(s)
}

// moveBrokers gives every partition another leader and every group another coordinator.
func moveBrokers(s *stage) func() {
	move := func() {
		s.cluster.ShufflePartitionLeaders()
		s.cluster.RehashCoordinators()
	}
	move()
	return move
}

func closeLetterTopic(s *stage) func() {
	fault := s.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: letterTopic, Err: kerr.NotEnoughReplicas, Count: -1})
	return fault.Remove
}

func closeAPI(s *stage) func() {
	s.apiClosed.Store(true)
	return func() { s.apiClosed.Store(false) }
}

package batcher

import (
	"slices"
	"time"

	"roomrelay/event"
)

// model is a Batcher written as naively as it can be: lists, looked through from one end to the other. It
// says what may come out next, and takes over what did.
type model struct {
	cfg     Config
	lanes   []*modelLane
	pace    map[int64]time.Time
	until   map[int64]time.Time // of the rooms in trouble
	out     []*modelBatch
	probed  map[int64]int // number of the room's last probe
	probes  int
	healthy int // turns of rooms without trouble since one in trouble went though others were due
}

type modelLane struct {
	partition int32
	room      int64
	sender    string
	events    []*event.Event // without what was sealed
	batch     *modelBatch    // sealed and not done
	since     time.Time      // queued again at
}

type modelBatch struct {
	*Batch
	lane    *modelLane // nil once it was dropped or done
	again   time.Time  // waits for this; zero: it doesn't wait
	out     bool
	trouble bool
}

func newModel(cfg Config) *model {
	return &model{cfg: cfg, pace: map[int64]time.Time{}, until: map[int64]time.Time{}, probed: map[int64]int{}}
}

func (m *model) add(e *event.Event) {
	sender := e.Sender
	if m.cfg.Ordering == ByRoom {
		sender = ""
	}
	i := slices.IndexFunc(m.lanes, func(l *modelLane) bool {
		return l.partition == e.Partition && l.room == e.Room && l.sender == sender
	})
	if i < 0 {
		i = len(m.lanes)
		m.lanes = append(m.lanes, &modelLane{partition: e.Partition, room: e.Room, sender: sender})
	}
	m.lanes[i].events = append(m.lanes[i].events, e)
}

// run is the head run of a lane, and whether it can't grow.
func (m *model) run(l *modelLane) (run []*event.Event, shut bool) {
	size := l.events[0].EnvelopeBytes() - event.SeparatorBytes
	for i, e := range l.events {
		size += event.SeparatorBytes + e.MessageBytes()
		if i == m.cfg.MaxBatch {
			return l.events[:i], true
		}
		same := func(o *event.Event) bool { return o.MsgID == e.MsgID }
		if i > 0 && (!event.CanShare(l.events[0], e) || size > m.cfg.MaxBytes || slices.ContainsFunc(l.events[:i], same) ||
			e.NotBefore.After(l.events[0].NotBefore)) {
			return l.events[:i], true
		}
	}
	return l.events, len(l.events) == m.cfg.MaxBatch
}

// due is when a lane is, and whether it can be at all as things are.
func (m *model) due(l *modelLane) (time.Time, bool) {
	if l.batch != nil {
		return l.batch.again, !l.batch.again.IsZero()
	}
	run, shut := m.run(l)
	at := run[0].Arrived.Add(m.cfg.Window)
	if shut {
		by := run[len(run)-1]
		if len(run) < m.cfg.MaxBatch {
			by = l.events[len(run)]
		}
		if by.Arrived.Before(at) {
			at = by.Arrived
		}
	}
	return latest(latest(at, run[0].NotBefore), l.since), true
}

// first is the lanes of a room that may have its next turn, and when they are due.
func (m *model) first(room int64) (lanes []*modelLane, at time.Time) {
	for _, l := range m.lanes {
		due, ok := m.due(l)
		if l.room != room || !ok || len(lanes) > 0 && due.After(at) {
			continue
		}
		if len(lanes) > 0 && due.Before(at) {
			lanes = nil
		}
		lanes, at = append(lanes, l), due
	}
	return lanes, at
}

func (m *model) outOf(room int64) (n int) {
	for _, x := range m.out {
		if x.out && x.Room == room {
			n++
		}
	}
	return n
}

func (m *model) inFlight() (all, trouble int) {
	for _, x := range m.out {
		if x.out {
			all++
			if x.trouble {
				trouble++
			}
		}
	}
	return all, trouble
}

// turn is the lanes that may have the next turn among the rooms in trouble, or among the others, and when.
func (m *model) turn(trouble bool) (lanes []*modelLane, at time.Time) {
	if _, busy := m.inFlight(); trouble && busy >= max(1, m.cfg.Slots/10) {
		return nil, time.Time{}
	}
	for room := range int64(rooms) {
		until, inTrouble := m.until[room]
		if inTrouble != trouble || inTrouble && m.outOf(room) > 0 {
			continue
		}
		firsts, due := m.first(room)
		if len(firsts) == 0 {
			continue
		}
		ready := latest(latest(due, m.pace[room]), until)
		if len(lanes) == 0 || ready.Before(at) {
			lanes, at = nil, ready
		}
		if ready.Equal(at) {
			lanes = append(lanes, firsts...)
		}
	}
	return lanes, at
}

// probe is the lanes that may be probed next.
func (m *model) probe(now time.Time) (lanes []*modelLane) {
	var least time.Time
	for room := range int64(rooms) {
		_, inTrouble := m.until[room]
		firsts, due := m.first(room)
		if len(firsts) == 0 || due.After(now) || inTrouble && m.outOf(room) > 0 {
			continue
		}
		if len(lanes) > 0 {
			best := m.probed[lanes[0].room]
			if m.probed[room] > best || m.probed[room] == best && due.After(least) {
				continue
			}
			if m.probed[room] < best || due.Before(least) {
				lanes = nil
			}
		}
		lanes, least = append(lanes, firsts...), due
	}
	return lanes
}

// wake is when the next turn may be.
func (m *model) wake() time.Time {
	a, at := m.turn(false)
	b, bt := m.turn(true)
	if len(a) == 0 || len(b) > 0 && bt.Before(at) {
		return bt
	}
	return at
}

// took notes that a lane had its turn with x.
func (m *model) took(l *modelLane, x *Batch, now time.Time) *modelBatch {
	if l.batch == nil {
		l.batch = &modelBatch{Batch: x, lane: l}
		l.events = l.events[len(x.Events):]
		m.out = append(m.out, l.batch)
	}
	y := l.batch
	_, trouble := m.until[l.room]
	y.out, y.trouble, y.again = true, trouble, time.Time{}
	if m.cfg.RoomRate > 0 {
		m.pace[l.room] = now.Add(time.Duration(float64(len(x.Events)) / m.cfg.RoomRate * float64(time.Second)))
	}
	return y
}

func (m *model) done(x *modelBatch, now time.Time) {
	x.out = false
	m.out = slices.DeleteFunc(m.out, func(y *modelBatch) bool { return y == x })
	if l := x.lane; l != nil {
		l.batch, l.since = nil, now
		if len(l.events) == 0 {
			m.lanes = slices.DeleteFunc(m.lanes, func(o *modelLane) bool { return o == l })
		}
	}
	m.forget()
}

func (m *model) drop(partition int32) {
	m.lanes = slices.DeleteFunc(m.lanes, func(l *modelLane) bool {
		if l.partition == partition && l.batch != nil {
			l.batch.lane = nil
		}
		return l.partition == partition
	})
	m.forget()
}

// forget forgets when a room was probed that has nothing any more.
func (m *model) forget() {
	for room := range m.probed {
		_, trouble := m.until[room]
		if !trouble && m.outOf(room) == 0 && !slices.ContainsFunc(m.lanes, func(l *modelLane) bool { return l.room == room }) {
			delete(m.probed, room)
		}
	}
}

package world

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Way is one of the two ways that bytes go over a connection.
type Way uint8

const (
	Out Way = iota // from the worker
	In             // to the worker
)

// Part of a request or an answer is where a Wound cuts the connection.
type Part uint8

const (
	Before Part = iota // nothing of it arrives
	Within             // half of it does
	After              // all of it does, and nothing after it
)

// Wound is a cut to come: of the connection that next carries something that way.
type Wound struct {
	Way  Way
	Part Part
}

// Link is one worker's way to everything. It can be cut for good, frozen and thawed, slowed down, and
// wounded: then the connection that is used next is cut before, within or after what it carries.
type Link struct {
	dial func(context.Context, string, string) (net.Conn, error)
	// tap, if not nil, sees every request to Kafka before it goes out. Set before the first Dial.
	tap func(Frame)
	// answers, if not nil, is told of every answer that has come, with the beginning of its bytes, and when it
	// was asked for. Set before the first Dial.
	answers func(Frame, time.Time)
	// writes, if not nil, is told of every write before anything holds it up. Set before the first Dial.
	writes func()
	// brittle is for how long after a freeze nothing goes out: what was begun before it ended never arrives.
	brittle time.Duration
	world   <-chan struct{} // closed when the world ends

	mu      sync.Mutex // guards the fields below
	cut     bool
	thaw    [2]chan struct{} // by Way; not nil while frozen
	delay   [2]time.Duration
	dialing time.Duration // how much longer a dial takes
	wounds  []Wound
	refused map[string]bool    // addresses that refuse connections
	late    map[int16]lateness // by key of the request
	shaky   time.Time          // until when nothing goes out
	held    time.Time          // when something was last held up or slowed down
	touched time.Time          // when a fault was last felt or set
	dialled time.Time          // when a dial had last hesitated
	waited  time.Duration      // ... for how long
	conns   map[*conn]struct{}
}

var (
	errCut     = errors.New("the link is cut")
	errRefused = errors.New("connection refused")
)

func newLink(dial func(context.Context, string, string) (net.Conn, error)) *Link {
	return &Link{
		dial: dial, conns: map[*conn]struct{}{}, refused: map[string]bool{}, late: map[int16]lateness{},
	}
}

// Dial connects through the link.
func (l *Link) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := l.hesitate(ctx.Done()); err != nil {
		return nil, err
	}
	if err := l.pass(Out, ctx.Done(), nil); err != nil {
		return nil, err
	}
	l.mu.Lock()
	if l.refused[addr] {
		l.touch()
		l.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: network, Err: errRefused}
	}
	l.mu.Unlock()
	c, err := l.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = c.Close()
		return nil, errCut
	}
	x := &conn{Conn: c, link: l, addr: addr, closed: make(chan struct{})}
	l.conns[x] = struct{}{}
	return x, nil
}

// touch notes that the link isn't sound now. l.mu is held.
func (l *Link) touch() { l.touched = time.Now() }

// SoundSince says when a fault of the link was last felt; false: there is one now.
func (l *Link) SoundSince() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ill := l.cut || l.thaw[Out] != nil || l.thaw[In] != nil || l.delay != [2]time.Duration{} || l.dialing > 0 ||
		len(l.wounds)+len(l.refused)+len(l.late) > 0
	return l.touched, !ill
}

// Cut ends every connection and refuses new ones, for ever.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	l.touch()
	l.release(Out)
	l.release(In)
	l.drop()
}

// Reset ends every connection; new ones may be made.
func (l *Link) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	l.drop()
}

func (l *Link) drop() {
	for c := range l.conns {
		_ = c.Conn.Close()
	}
	clear(l.conns)
}

// Freeze holds every read, write and dial until Thaw, but for what their deadlines end.
func (l *Link) Freeze() {
	l.FreezeWay(Out)
	l.FreezeWay(In)
}

// FreezeWay holds what goes one way: Out, nothing reaches anybody; In, everything is done and nobody hears
// of it. Dials go out.
func (l *Link) FreezeWay(w Way) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	if l.thaw[w] == nil && !l.cut {
		l.thaw[w] = make(chan struct{})
	}
}

// Thaw lets what was held go on.
func (l *Link) Thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	l.release(Out)
	l.release(In)
}

func (l *Link) release(w Way) {
	if l.thaw[w] == nil {
		return
	}
	close(l.thaw[w])
	l.thaw[w] = nil
	if w == Out && l.brittle > 0 {
		l.shaky = time.Now().Add(l.brittle)
		l.drop()
	}
}

// Slow makes every write and every read take so much longer; zeroes end it.
func (l *Link) Slow(out, in time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	l.delay = [2]time.Duration{Out: out, In: in}
}

// Hesitate makes every dial take so much longer; zero ends it.
func (l *Link) Hesitate(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	l.dialing = d
}

// Hesitated says for how long dials hesitated that ended after t: what waited for them had begun so much earlier.
func (l *Link) Hesitated(t time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dialled.After(t) {
		return l.waited
	}
	return 0
}

// Wound adds cuts to come.
func (l *Link) Wound(wounds ...Wound) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	l.wounds = append(l.wounds, wounds...)
}

// Heal takes back everything that was set, but for Cut.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	l.release(Out)
	l.release(In)
	l.delay, l.dialing, l.wounds = [2]time.Duration{}, 0, nil
	clear(l.refused)
	clear(l.late)
}

// Refuse makes an address refuse connections, or take them again.
func (l *Link) Refuse(addr string, refuse bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	if refuse {
		l.refused[addr] = true
	} else {
		delete(l.refused, addr)
	}
}

// lateness is what becomes of the next requests of a key.
type lateness struct {
	left int // how many
	by   time.Duration
}

// Late lets the network keep the next n requests to Kafka of that key for d, long after their sender has
// given them up, and then deliver them. Nobody hears of their answers.
func (l *Link) Late(key int16, n int, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch()
	l.late[key] = lateness{n, d}
}

// pass waits while the link is frozen that way, but not beyond a deadline or the end of the connection.
func (l *Link) pass(w Way, done, closed <-chan struct{}) error {
	for {
		l.mu.Lock()
		thaw, cut := l.thaw[w], l.cut || w == Out && time.Now().Before(l.shaky)
		if thaw != nil {
			l.touch()
			l.held = time.Now()
		}
		l.mu.Unlock()
		if cut {
			return errCut
		}
		if thaw == nil {
			return nil
		}
		if err := await(thaw, done, closed); err != nil {
			return err
		}
	}
}

// linger waits as long as the link is slow that way.
func (l *Link) linger(w Way, done, closed <-chan struct{}) error {
	l.mu.Lock()
	d := l.delay[w]
	if l.delay != [2]time.Duration{} {
		l.held = time.Now()
	}
	l.mu.Unlock()
	return lapse(d, done, closed)
}

// hesitate waits as long as a dial takes longer.
func (l *Link) hesitate(done <-chan struct{}) error {
	l.mu.Lock()
	d := l.dialing
	if d > 0 {
		l.dialled, l.waited = time.Now().Add(d), d
	}
	l.mu.Unlock()
	return lapse(d, done, nil)
}

func lapse(d time.Duration, done, closed <-chan struct{}) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	return awaitTimer(timer.C, done, closed)
}

// wound takes the next cut that concerns the way, if there is one.
func (l *Link) wound(w Way) (Part, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, x := range l.wounds {
		if x.Way == w {
			l.wounds = append(l.wounds[:i:i], l.wounds[i+1:]...)
			l.touch()
			return x.Part, true
		}
	}
	return 0, false
}

// delayed says for how long the network keeps a request of that key.
func (l *Link) delayed(key int16) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x, ok := l.late[key]
	if !ok {
		return 0, false
	}
	l.touch()
	if x.left--; x.left > 0 {
		l.late[key] = x
	} else {
		delete(l.late, key)
	}
	// Whoever has waited for the way to its coordinator has begun long ago: it counts from then for how long
	// what it asks may still be done, which is twice its patience of 5 s.
	const patience = 4900 * time.Millisecond
	if time.Since(l.held) < 6*time.Second {
		return min(x.by, patience), true
	}
	return x.by, true
}

// Package chat is chat traffic: made from a seed, or read from NDJSON.
//
// It promises that the same Config makes the same lines, byte for byte; that Valid tells by construction,
// without asking the decoder, whether a made line is an event the worker must deliver; that rooms and
// senders are as uneven as in real chat (few hot, many quiet); and that reading tells each bad line with
// its number and goes on behind it.
//
// It publishes nothing and keeps no time: whoever publishes waits until a line's At.
package chat

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"
)

// Line is one record to publish.
type Line struct {
	Number int           // from 1
	At     time.Duration // since the start of the traffic
	Value  []byte
	Key    []byte // the room in decimal; nil if no room could be read
	Room   int64
	Sender string
	MsgID  string
	Valid  bool // the worker accepts it; false: it must become a letter without a call
}

// Config of made traffic.
type Config struct {
	Events  int           // lines in all
	Rooms   int           // default 30
	Senders int           // default 150
	Length  time.Duration // over which they are spread; 0: all at once
	Seed    uint64
	Bad     float64 // share of lines that are no valid events: 0 to 1
	Repeats float64 // share of lines that repeat an earlier one with resendFlag 1, as a producer in doubt does
}

// firstRoom is far above 2^31, so that whoever keeps a room in 32 bits is found out.
const firstRoom = 7_000_000_000

// recent is how many lines back a repeated one may lie: a producer that got no answer tries again soon.
const recent = 32

// maker makes the lines of one Make.
type maker struct {
	cfg     Config
	rng     *rand.Rand
	rooms   *rand.Zipf
	senders *rand.Zipf
	texts   texts
	last    [recent]message // valid messages, by number
	kept    int
}

// Make makes traffic. The lines are in the order of At.
func Make(cfg Config) iter.Seq[Line] {
	if cfg.Rooms <= 0 {
		cfg.Rooms = 30
	}
	if cfg.Senders <= 0 {
		cfg.Senders = 150
	}
	return func(yield func(Line) bool) {
		m := newMaker(cfg)
		var at time.Duration
		for i := range cfg.Events {
			if cfg.Length > 0 {
				// Exponential gaps, as independent people make them; the mean is what is left over the
				// lines that are left, so that the last one comes at about Length however they fall.
				mean := float64(cfg.Length-at) / float64(cfg.Events-i)
				at = min(cfg.Length, at+time.Duration(m.rng.ExpFloat64()*mean))
			}
			l := m.line(i + 1)
			l.Number, l.At = i+1, at
			if !yield(l) {
				return
			}
		}
	}
}

func newMaker(cfg Config) *maker {
	rng := rand.New(rand.NewPCG(cfg.Seed, 0x63686174))
	return &maker{
		cfg: cfg, rng: rng, texts: texts{rng},
		// 1.2 gives the hottest of 30 rooms about a quarter of all messages and the quietest one in 400.
		// In a room over a third is from one sender, as where a bot tells who comes and goes; then come a
		// few who talk a lot and very many who seldom do.
		rooms:   rand.NewZipf(rng, 1.2, 1.5, uint64(cfg.Rooms-1)),
		senders: rand.NewZipf(rng, 1.5, 1, uint64(cfg.Senders-1)),
	}
}

func (m *maker) line(number int) Line {
	if m.kept > 0 && m.rng.Float64() < m.cfg.Repeats {
		again := m.last[m.rng.IntN(min(m.kept, recent))]
		again.resend = true
		return again.line(again.encode(), true)
	}
	x := m.message(number)
	if m.rng.Float64() < m.cfg.Bad {
		return x.line(m.spoil(&x), false)
	}
	m.last[m.kept%recent] = x
	m.kept++
	return x.line(x.encode(), true)
}

// message makes a valid message.
func (m *maker) message(number int) message {
	room := m.rooms.Uint64()
	// Each room has its own regulars, but people talk in several rooms: the popularity of senders is the
	// same everywhere, turned by the room.
	sender := (m.senders.Uint64() + room*17) % uint64(m.cfg.Senders)
	x := message{
		room:   firstRoom + int64(room),
		sender: m.texts.name(sender),
		id:     fmt.Sprintf("%x-%06d", m.cfg.Seed&0xffff, number),
		form:   m.rng.IntN(8),
	}
	m.fill(&x)
	return x
}

// line is the record of a message.
func (x *message) line(value []byte, valid bool) Line {
	return Line{
		Value: value, Key: strconv.AppendInt(nil, x.room, 10),
		Room: x.room, Sender: x.sender, MsgID: x.id, Valid: valid,
	}
}

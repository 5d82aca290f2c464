// Package traffic is what a benchmark publishes: messages made from a Shape, or the busiest hour of recorded
// chat, each with the time at which it is to be published.
//
// It promises that the same Shape gives the same messages in every process, so that the producer publishes
// what whoever measures reckons with; that the rooms of a Shape are spread evenly over its partitions; and
// that messages come in the order of their times.
//
// It publishes nothing and measures nothing.
package traffic

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"roomrelay/internal/chat"
)

// Shape says what is published. The zero value of a field means one, or none.
type Shape struct {
	Messages   int     `json:"messages"`   // not of recorded chat, which has as many as it has
	Rooms      int     `json:"rooms"`      // they have the messages in turn, or as it is drawn
	Drawn      bool    `json:"drawn"`      // each message's room is drawn: in turn, all rooms would fill a batch at one time
	Senders    int     `json:"senders"`    // of each room, in turn
	Partitions int     `json:"partitions"` // default 1
	Rate       float64 `json:"rate"`       // messages a second, evenly; 0: a backlog, all of them at once
	Hot        float64 `json:"hot"`        // share of the messages that the first room has besides its turn
	HotSenders int     `json:"hotSenders"` // of the first room, if Hot is set
	Bad        float64 `json:"bad"`        // share that can't be decoded
	Chat       string  `json:"chat"`       // file with recorded chat
	Speed      float64 `json:"speed"`      // factor of real time for recorded chat; default 1
}

// HotRoom is the room that Hot speaks of.
const HotRoom = 1

// Message is one record to publish.
type Message struct {
	At        time.Duration // since the beginning
	Partition int32
	Room      int64
	Sender    string
	ID        string
	Key       []byte
	Value     []byte
	Bad       bool
}

// All makes all messages of the shape. The only errors are those of the file.
func (s Shape) All() ([]Message, error) {
	if s.Chat != "" {
		return s.recorded()
	}
	return s.made(), nil
}

func (s Shape) partitions() int { return max(s.Partitions, 1) }

// made gives the rooms their messages, and the hot room its share between them.
func (s Shape) made() []Message {
	rooms, all := max(s.Rooms, 1), make([]Message, s.Messages)
	quiet, hot, random := 0, 0, rand.New(rand.NewPCG(1, 2)) // the same in every process
	had := make([]int, rooms)                               // by each room
	for i := range all {
		m := &all[i]
		if reaches(i, s.Hot) {
			m.Room = HotRoom
			m.Sender = sender(m.Room, hot%max(s.HotSenders, 1))
			hot++
		} else {
			// With a hot room, the others have the turns.
			first := 0
			if s.Hot > 0 && rooms > 1 {
				first = 1
			}
			turn := first + quiet%(rooms-first)
			if s.Drawn {
				turn = first + random.IntN(rooms-first)
			}
			m.Room = int64(turn + 1)
			m.Sender = sender(m.Room, had[turn]%max(s.Senders, 1))
			had[turn]++
			quiet++
		}
		m.Partition = int32((m.Room - 1) % int64(s.partitions()))
		m.ID = fmt.Sprintf("%s%09d", idPrefix, i)
		m.Key = strconv.AppendInt(nil, m.Room, 10)
		m.Value = fmt.Appendf(nil, `{"roomid":%d,"fromAccid":%q,"msgId":%q,"msgType":0,"attach":"does anybody know why this is so slow today?"}`, m.Room, m.Sender, m.ID)
		if m.Bad = reaches(i, s.Bad); m.Bad {
			m.Value = m.Value[:len(m.Value)/2]
		}
		if s.Rate > 0 {
			m.At = time.Duration(float64(i) * float64(time.Second) / s.Rate)
		}
	}
	return all
}

// reaches says whether the i-th of many is among a share of them that is spread evenly.
func reaches(i int, share float64) bool {
	return math.Floor(float64(i+1)*share) > math.Floor(float64(i)*share)
}

const idPrefix = "2006-06-05-"

func sender(room int64, n int) string { return fmt.Sprintf("sender-%d-%d", room, n) }

// recorded is the hour of the file with the most messages, sped up.
func (s Shape) recorded() ([]Message, error) {
	file, err := os.Open(s.Chat)
	if err != nil {
		return nil, fmt.Errorf("opening recorded chat: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	var lines []chat.Line
	for line, err := range chat.Read(file) {
		if err != nil {
			return nil, fmt.Errorf("reading recorded chat: %w", err)
		}
		if line.Valid {
			lines = append(lines, line)
		}
	}
	slices.SortStableFunc(lines, func(a, b chat.Line) int { return cmp.Compare(a.At, b.At) })
	lines, from := busiest(lines)
	speed := s.Speed
	if speed == 0 {
		speed = 1
	}
	places := map[int64]int32{}
	all := make([]Message, 0, len(lines))
	for _, l := range lines {
		place, known := places[l.Room]
		if !known {
			place = int32(len(places) % s.partitions())
			places[l.Room] = place
		}
		all = append(all, Message{
			At: time.Duration(float64(l.At-from) / speed), Partition: place,
			Room: l.Room, Sender: l.Sender, ID: l.MsgID, Key: l.Key, Value: l.Value,
		})
	}
	return all, nil
}

// busiest is the lines of the full hour that has the most, and when that hour begins.
func busiest(lines []chat.Line) (hour []chat.Line, from time.Duration) {
	for i := 0; i < len(lines); {
		begin := lines[i].At.Truncate(time.Hour)
		j := i
		for j < len(lines) && lines[j].At < begin+time.Hour {
			j++
		}
		if j-i > len(hour) {
			hour, from = lines[i:j], begin
		}
		i = j
	}
	return hour, from
}

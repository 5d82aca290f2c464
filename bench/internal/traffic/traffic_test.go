package traffic

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"roomrelay/event"
)

func all(t *testing.T, s Shape) []Message {
	t.Helper()
	m, err := s.All()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRoomsHaveTheirTurnOnOnePartition(t *testing.T) {
	messages := all(t, Shape{Messages: 120, Rooms: 12, Senders: 2, Partitions: 4, Rate: 10})
	rooms, senders, places, perPlace := map[int64]int{}, map[string]int{}, map[int64]int32{}, map[int32]int{}
	for i, m := range messages {
		rooms[m.Room]++
		senders[m.Sender]++
		perPlace[m.Partition]++
		if p, ok := places[m.Room]; ok && p != m.Partition {
			t.Fatalf("room %d is on partitions %d and %d", m.Room, p, m.Partition)
		}
		places[m.Room] = m.Partition
		if want := time.Duration(i) * 100 * time.Millisecond; m.At != want {
			t.Fatalf("message %d comes at %v, want %v", i, m.At, want)
		}
		e, err := event.Decode(event.Record{Value: m.Value})
		if err != nil || e.Room != m.Room || e.Sender != m.Sender || e.MsgID != m.ID {
			t.Fatalf("message %d is read as %+v, %v", i, e, err)
		}
	}
	if len(rooms) != 12 || rooms[3] != 10 || len(senders) != 24 || senders["sender-3-1"] != 5 || perPlace[2] != 30 {
		t.Errorf("rooms %v, senders %v, partitions %v", rooms, senders, perPlace)
	}
}

func TestDrawnRoomsAreTheSameEverywhereAndDoNotFillTheirBatchesTogether(t *testing.T) {
	shape := Shape{Messages: 2000, Rooms: 20, Senders: 2, Drawn: true}
	messages, again := all(t, shape), all(t, shape)
	tenth, seen, senders := map[int64]int{}, map[int64]int{}, map[string]int{}
	for i, m := range messages {
		if m.Room != again[i].Room || m.Sender != again[i].Sender {
			t.Fatalf("message %d is once of room %d and once of room %d", i, m.Room, again[i].Room)
		}
		senders[m.Sender]++
		if seen[m.Room]++; seen[m.Room] == 10 {
			tenth[m.Room] = i
		}
	}
	first, last := len(messages), 0
	for _, i := range tenth {
		first, last = min(first, i), max(last, i)
	}
	if len(tenth) != 20 || len(senders) != 40 || last-first < 100 { // in turn it would be 20
		t.Errorf("%d rooms, %d senders, the tenth message of each from %d to %d", len(tenth), len(senders), first, last)
	}
}

func TestTheHotRoomHasItsShareAndTheBadMessagesTheirs(t *testing.T) {
	messages := all(t, Shape{Messages: 1000, Rooms: 11, Hot: 0.8, HotSenders: 4, Bad: 0.1})
	hot, bad, quiet, senders := 0, 0, map[int64]int{}, map[string]int{}
	for _, m := range messages {
		if m.Room == HotRoom {
			hot++
			senders[m.Sender]++
		} else {
			quiet[m.Room]++
		}
		_, err := event.Decode(event.Record{Value: m.Value})
		if (err != nil) != m.Bad {
			t.Fatalf("bad %v, but the decoder says %v: %s", m.Bad, err, m.Value)
		}
		if m.Bad {
			bad++
		}
	}
	if hot != 800 || bad != 100 || len(quiet) != 10 || quiet[5] != 20 || len(senders) != 4 {
		t.Errorf("%d hot, %d bad, quiet %v, %d hot senders", hot, bad, quiet, len(senders))
	}
}

func TestRecordedChatIsItsBusiestHourSpedUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "chat.ndjson")
	text := `{"atMs":1000,"event":{"roomid":1,"fromAccid":"a","msgId":"x1","msgType":0,"attach":"1"}}
{"atMs":3600000,"event":{"roomid":2,"fromAccid":"a","msgId":"x2","msgType":0,"attach":"2"}}
{"atMs":3602000,"event":{"roomid":1,"fromAccid":"b","msgId":"x3","msgType":0,"attach":"3"}}
{"atMs":7200000,"event":{"roomid":1,"fromAccid":"b","msgId":"x4","msgType":0,"attach":"4"}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	messages := all(t, Shape{Chat: file, Speed: 200, Partitions: 2})
	if len(messages) != 2 || messages[0].ID != "x2" || messages[1].ID != "x3" ||
		messages[0].At != 0 || messages[1].At != 10*time.Millisecond || messages[0].Partition == messages[1].Partition {
		t.Errorf("%+v", messages)
	}
	if _, err := (Shape{Chat: file + "x"}).All(); err == nil {
		t.Error("a file that isn't there is no error")
	}
}

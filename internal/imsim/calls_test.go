package imsim

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheHookIsToldOfEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got, arrived []Call
		s := sim(Config{Latency: Latency{Fixed: time.Second}, OnCall: func(c Call) { got = append(got, c) }, OnArrival: func(c Call) { arrived = append(arrived, c) }})
		began := time.Now()
		bodyOf(s, form(7, []msg{text0("a", 0), text0("b", 1)}, "env", "x&y", "skipHistory", "1"))
		bodyOf(s, "roomid=x")
		r := request(chat(1, 0, "a"))
		r.Header.Del("Nonce")
		do(t, s, r)
		if len(got) != 3 || len(arrived) != 3 {
			t.Fatalf("told of %d calls and of %d arrivals", len(got), len(arrived))
		}
		if a := arrived[0]; a.Number != got[0].Number || a.Host != "api" || !slices.Equal(a.Messages, []Sent{{MsgID: "a"}, {MsgID: "b", Flag: 1}}) {
			t.Errorf("arrived as %+v", a)
		}
		c := got[0]
		if !c.Began.Equal(began) || !c.Ended.Equal(began.Add(time.Second)) || c.Room != 7 || c.Sender != "alice" || c.Options != "env=x&y&skipHistory=1" ||
			c.Code != 200 || c.Status != 200 || !c.Taken || c.Fault != "" || !slices.Equal(c.Messages, []Sent{{"a", 0, true, InSuccess, ""}, {"b", 1, true, InSuccess, ""}}) {
			t.Errorf("%+v", c)
		}
		if c := got[1]; c.Code != 414 || c.Room != 0 || c.Taken || len(c.Messages) != 0 {
			t.Errorf("what can't be read: %+v", c)
		}
		if c := got[2]; c.Code != 414 || c.Taken || len(c.Messages) != 1 || c.Messages[0].Shown {
			t.Errorf("what isn't signed: %+v", c)
		}
	})
}

func TestMessagesOfOneRoomAreShownInTheOrderOfCallsAndOfTheList(t *testing.T) {
	s := sim(Config{})
	all := numbered("m", 200)
	for part := range slices.Chunk(all, 10) {
		do(t, s, request(chat(1, 0, part...)))
		do(t, s, request(chat(2, 0, part...)))
	}
	same(t, "room 1", ids(s, 1), all)
	same(t, "room 2", ids(s, 2), all)
	at := -1
	for m := range s.Messages(0) {
		if i := slices.Index(all, m.MsgID)/10*2 + int(m.Room) - 1; i < at {
			t.Fatalf("%s of room %d after call %d", m.MsgID, m.Room, at)
		} else {
			at = i
		}
	}
	n := 0
	for range s.Messages(0) {
		if n++; n == 3 {
			break // a reader may stop
		}
	}
}

func TestManyCallsAtOnceAreCountedExactly(t *testing.T) {
	const clients, calls = 8, 100
	var told sync.Map
	s := sim(Config{Forgetful: true, OnCall: func(c Call) { told.Store(c.Messages[0].MsgID, true) }})
	client := serveTCP(t, s)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for j := range calls {
				room := int64(j%3 + 1)
				for flag := range 2 { // each once more with 1
					r, err := client.Do(request(chat(room, flag, fmt.Sprint(i, "-", j), fmt.Sprint(i, "-", j, "b"))))
					if err != nil {
						t.Error(err)
						return
					}
					if a := read(t, r); r.Body.Close() != nil || len(a.Success) != 2 {
						t.Errorf("%s", a.Body)
					}
				}
				s.Stats()
			}
		})
	}
	wg.Wait()
	n := s.Stats()
	if n.Calls != 2*clients*calls || n.Shown != 2*clients*calls || n.Deduplicated != n.Shown || n.Received != 2*n.Shown || n.Unflagged+n.ShownTwice != 0 || n.ByCode["200"] != n.Calls {
		t.Errorf("%+v", n)
	}
	count := 0
	for range s.Messages(0) {
		count++
	}
	if int64(count) != n.Shown {
		t.Errorf("%d messages kept of %d", count, n.Shown)
	}
	told.Range(func(any, any) bool { count--; return true })
	if count != clients*calls {
		t.Errorf("the hook missed calls: %d are left", count)
	}
}

func TestACallOfTenMessagesAllocatesLittle(t *testing.T) {
	s := sim(Config{Keep: KeepNothing})
	w := &discard{header: http.Header{}}
	c := newReplay(chat(1, 1, numbered("m", 10)...))
	c.serve(s, w)                                                         // the msgIds are known from here on
	if n := testing.AllocsPerRun(200, func() { c.serve(s, w) }); n > 15 { // 2, but the race detector lets pools forget; a string for each field would be 40
		t.Errorf("%v allocations a call", n)
	}
}

package world

import (
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestEachRequestIsToldOfBeforeItGoesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		var told []int16
		arrived := 0
		l.tap = func(f Frame) {
			if arrived != len(told) {
				t.Errorf("request %d is told of when %d had arrived", len(told), arrived)
			}
			told = append(told, f.Key)
		}
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		peer := <-peers
		p := make([]byte, 1<<10)
		for _, q := range [][]byte{
			wire(&kmsg.HeartbeatRequest{Version: 4}), []byte("no request at all"), wire(&kmsg.SyncGroupRequest{Version: 5}),
		} {
			go c.Write(q)
			n, err := peer.Read(p)
			if string(p[:n]) != string(q) || err != nil {
				t.Errorf("%q arrived, %v, want %q", p[:n], err, q)
			}
			arrived = len(told)
			synctest.Wait()
		}
		// One that is lost on its way went out, too: nobody can know better.
		l.Wound(Wound{Out, Before})
		c.Write(wire(&kmsg.LeaveGroupRequest{Version: 4}))
		if want := []int16{int16(kmsg.Heartbeat), int16(kmsg.SyncGroup), int16(kmsg.LeaveGroup)}; !slices.Equal(told, want) {
			t.Errorf("%v, want %v", told, want)
		}
	})
}

func TestEachAnswerIsToldOfOnceWithWhenItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type told struct {
			key   int16
			text  string
			asked time.Time
			heard time.Time
		}
		var all []told
		l, peers := piped()
		l.answers = func(f Frame, asked time.Time) { all = append(all, told{f.Key, string(f.body), asked, time.Now()}) }
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		peer := <-peers
		p := make([]byte, 1<<10)
		var want []told
		for _, x := range []struct {
			key     kmsg.Key
			request kmsg.Request
		}{{kmsg.Heartbeat, &kmsg.HeartbeatRequest{Version: 4}}, {kmsg.Fetch, &kmsg.FetchRequest{Version: 11}}} {
			asked := time.Now()
			go func() {
				peer.Read(make([]byte, 1<<10))
				<-time.After(2 * time.Second)
				peer.Write([]byte("the beginning"))
				peer.Write([]byte(", and the rest")) // is no answer of its own
			}()
			if _, err := c.Write(wire(x.request)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := c.Read(p); err != nil {
					t.Fatal(err)
				}
			}
			want = append(want, told{int16(x.key), "the beginning", asked, asked.Add(2 * time.Second)})
		}
		if !slices.Equal(all, want) {
			t.Errorf("%v, want %v", all, want)
		}
	})
}

func TestEachWriteIsToldOfBeforeAnythingHoldsItUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		var told []time.Time
		l.writes = func() { told = append(told, time.Now()) }
		c, _ := l.Dial(t.Context(), "tcp", "api:80")
		peer := <-peers
		go func() { _, _ = io.Copy(io.Discard, peer) }()
		began := time.Now()
		l.Slow(time.Second, 0)
		for range 2 {
			if _, err := c.Write([]byte("POST")); err != nil {
				t.Fatal(err)
			}
		}
		if want := []time.Time{began, began.Add(time.Second)}; !slices.EqualFunc(told, want, time.Time.Equal) {
			t.Errorf("told at %v, want %v", told, want)
		}
		_ = c.Close()
		_ = peer.Close()
	})
}

func TestAnAnswerThatNobodyHearsIsNotToldOf(t *testing.T) {
	for name, set := range map[string]func(*Link){
		"deaf":             func(l *Link) { l.FreezeWay(In) },
		"wounded before":   func(l *Link) { l.Wound(Wound{In, Before}) },
		"wounded within":   func(l *Link) { l.Wound(Wound{In, Within}) },
		"the request lost": func(l *Link) { l.Wound(Wound{Out, Before}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			l, peers := piped()
			told := false
			l.answers = func(Frame, time.Time) { told = true }
			c, _ := l.Dial(t.Context(), "tcp", "broker:1")
			peer := <-peers
			go func() {
				peer.Read(make([]byte, 1<<10))
				peer.Write([]byte("an answer"))
			}()
			set(l)
			c.SetDeadline(time.Now().Add(time.Second))
			c.Write(wire(&kmsg.HeartbeatRequest{Version: 4}))
			c.Read(make([]byte, 1<<10))
			if told {
				t.Error(name)
			}
		})
	}
}

func TestAnAnswerWithACutAfterItIsHeardAndToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		told := ""
		l.answers = func(f Frame, _ time.Time) { told = string(f.body) }
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		peer := <-peers
		go func() {
			peer.Read(make([]byte, 1<<10))
			peer.Write([]byte("an answer"))
		}()
		l.Wound(Wound{In, After})
		c.Write(wire(&kmsg.HeartbeatRequest{Version: 4}))
		p := make([]byte, 1<<10)
		if n, err := c.Read(p); string(p[:n]) != "an answer" || err != nil || told != "an answer" {
			t.Errorf("%q was heard, %v, and %q told of", p[:n], err, told)
		}
	})
}

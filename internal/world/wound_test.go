package world

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestAWoundCutsBeforeWithinOrAfterWhatGoesOut(t *testing.T) {
	for part, x := range map[Part]struct {
		arrives string
		err     error
	}{
		Before: {"", io.ErrClosedPipe},
		Within: {"0123", io.ErrClosedPipe},
		After:  {"012345678", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, peers := piped()
			c, _ := l.Dial(t.Context(), "tcp", "broker:1")
			l.Wound(Wound{Out, part})
			arrived := make(chan string, 1)
			go func() {
				all, _ := io.ReadAll(<-peers) // ends with the connection
				arrived <- string(all)
			}()
			n, err := c.Write([]byte("012345678"))
			if got := <-arrived; got != x.arrives || n != len(x.arrives) || !errors.Is(err, x.err) {
				t.Errorf("part %d: %q arrived, %d were written, %v; want %+v", part, got, n, err, x)
			}
			if _, err := c.Write([]byte("more")); err == nil {
				t.Errorf("part %d: the connection goes on", part)
			}
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("part %d: an answer comes", part)
			}
		})
	}
}

func TestAWoundCutsBeforeWithinOrAfterWhatComesIn(t *testing.T) {
	for part, x := range map[Part]struct {
		comes string
		err   error
	}{
		Before: {"", io.ErrUnexpectedEOF},
		Within: {"01234", nil},
		After:  {"012345678", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, peers := piped()
			c, _ := l.Dial(t.Context(), "tcp", "broker:1")
			peer := <-peers
			l.Wound(Wound{In, part})
			go peer.Write([]byte("012345678"))
			p := make([]byte, 16)
			if n, err := c.Read(p); string(p[:n]) != x.comes || !errors.Is(err, x.err) {
				t.Errorf("part %d: %q came, %v; want %+v", part, p[:n], err, x)
			}
			if n, err := c.Read(p); n > 0 || err == nil {
				t.Errorf("part %d: then %q came", part, p[:n])
			}
			if _, err := peer.Write([]byte("more")); err == nil {
				t.Errorf("part %d: the peer's connection goes on", part)
			}
		})
	}
}

func TestEachWoundStrikesTheConnectionThatIsUsedNextThatWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		var conns []net.Conn
		for range 4 {
			c, _ := l.Dial(t.Context(), "tcp", "broker:1")
			conns = append(conns, c)
			peer := <-peers
			go func() {
				io.CopyN(io.Discard, peer, 1)
				peer.Write([]byte("x"))
			}()
		}
		l.Wound(Wound{In, Before}, Wound{Out, Before})
		l.Wound(Wound{Out, Before})
		p := make([]byte, 1)
		for i, want := range []struct{ out, in bool }{{false, false}, {false, false}, {true, false}, {true, true}} {
			c := conns[3-i] // the order of dialling is no matter
			_, out := c.Write(p)
			_, in := c.Read(p)
			if (out == nil) != want.out || (in == nil) != want.in {
				t.Errorf("connection %d: out %v, in %v, want %v", i, out, in, want)
			}
		}
		if _, sound := l.SoundSince(); !sound {
			t.Error("a wound is left")
		}
	})
}

func TestAnAddressThatRefusesRefusesNewConnectionsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		c, _ := l.Dial(t.Context(), "tcp", "api:80")
		l.Refuse("api:80", true)
		_, err := l.Dial(t.Context(), "tcp", "api:80")
		var op *net.OpError // as the kernel's refusal comes: clients look for it
		if !errors.As(err, &op) || op.Op != "dial" || !errors.Is(err, errRefused) {
			t.Errorf("%v", err)
		}
		if _, err := l.Dial(t.Context(), "tcp", "backup:80"); err != nil {
			t.Errorf("another address: %v", err)
		}
		go c.Write([]byte("x"))
		if _, err := (<-peers).Read(make([]byte, 1)); err != nil {
			t.Errorf("a connection of before: %v", err)
		}
		l.Refuse("api:80", false)
		if _, err := l.Dial(t.Context(), "tcp", "api:80"); err != nil {
			t.Errorf("later: %v", err)
		}
	})
}

func TestALateRequestArrivesLongAfterAndNobodyHearsOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type arrival struct {
			addr, text string
			after      time.Duration
		}
		began := time.Now()
		arrivals := make(chan arrival, 16)
		var dials atomic.Int32
		l := newLink(func(_ context.Context, network, addr string) (net.Conn, error) {
			name := addr
			if dials.Add(1) > 1 {
				name = "again " + network + " " + addr
			}
			near, far := net.Pipe()
			go func() {
				p := make([]byte, 1<<10)
				for {
					n, err := far.Read(p)
					if err != nil {
						return
					}
					arrivals <- arrival{name, string(p[:n]), time.Since(began)}
					far.Write([]byte("an answer"))
				}
			}()
			return near, nil
		})
		commit := wire(&kmsg.OffsetCommitRequest{Version: 7, Group: "g"})
		beat := wire(&kmsg.HeartbeatRequest{Version: 4, Group: "g"})
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		l.Late(int16(kmsg.OffsetCommit), 2, 8*time.Second)
		p := make([]byte, 16)
		for i, x := range []struct {
			request []byte
			late    bool
		}{{beat, false}, {commit, true}, {beat, false}, {commit, true}, {commit, false}} {
			if n, err := c.Write(x.request); n != len(x.request) || err != nil {
				t.Fatalf("request %d: %d bytes, %v", i, n, err)
			}
			c.SetDeadline(time.Now().Add(time.Second))
			_, err := c.Read(p)
			if got := err != nil; got != x.late || got && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("request %d is answered with %v, want it late: %v", i, err, x.late)
			}
			c.SetDeadline(time.Time{})
		}
		if _, sound := l.SoundSince(); !sound {
			t.Error("lateness is left")
		}
		l.Cut() // who has sent it may be dead by then
		<-time.After(time.Minute)
		var got []arrival
		for len(arrivals) > 0 {
			got = append(got, <-arrivals)
		}
		want := []arrival{
			{"broker:1", string(beat), 0},
			{"broker:1", string(beat), time.Second},
			{"broker:1", string(commit), 2 * time.Second},
			{"again tcp broker:1", string(commit), 8 * time.Second},
			{"again tcp broker:1", string(commit), 9 * time.Second},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%#v\nwant %#v", got, want)
		}
	})
}

func TestALateRequestEndsWithTheWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		world := make(chan struct{})
		l.world = world
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		<-peers
		l.Late(int16(kmsg.Heartbeat), 1, time.Hour)
		if _, err := c.Write(wire(&kmsg.HeartbeatRequest{Version: 4})); err != nil {
			t.Fatal(err)
		}
		close(world)
		<-time.After(2 * time.Hour) // the bubble couldn't end if somebody waited on
		if len(peers) > 0 {
			t.Error("it was delivered")
		}
	})
}

func TestHealingTakesEverythingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		peer := <-peers
		l.Freeze()
		l.Slow(time.Hour, time.Hour)
		l.Wound(Wound{Out, Before}, Wound{In, Before})
		l.Refuse("broker:2", true)
		l.Late(int16(kmsg.Heartbeat), 5, time.Hour)
		l.Heal()
		began := time.Now()
		beat := wire(&kmsg.HeartbeatRequest{Version: 4})
		go func() {
			io.CopyN(io.Discard, peer, int64(len(beat)))
			peer.Write([]byte("answered"))
		}()
		if _, err := c.Write(beat); err != nil {
			t.Errorf("a write: %v", err)
		}
		p := make([]byte, 8)
		if _, err := io.ReadFull(c, p); string(p) != "answered" || err != nil {
			t.Errorf("%q, %v", p, err)
		}
		if _, err := l.Dial(t.Context(), "tcp", "broker:2"); err != nil {
			t.Errorf("a dial: %v", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestALinkKnowsSinceWhenItIsSound(t *testing.T) {
	for name, set := range map[string]func(*Link){
		"frozen":  (*Link).Freeze,
		"deaf":    func(l *Link) { l.FreezeWay(In) },
		"mute":    func(l *Link) { l.FreezeWay(Out) },
		"slow":    func(l *Link) { l.Slow(0, time.Second) },
		"wounded": func(l *Link) { l.Wound(Wound{In, After}) },
		"refused": func(l *Link) { l.Refuse("broker:1", true) },
		"late":    func(l *Link) { l.Late(8, 1, time.Second) },
	} {
		synctest.Test(t, func(t *testing.T) {
			l, _ := piped()
			if since, sound := l.SoundSince(); !sound || !since.IsZero() {
				t.Errorf("%s: before: %v, %v", name, since, sound)
			}
			<-time.After(time.Second)
			set(l)
			if since, sound := l.SoundSince(); sound || !since.Equal(time.Now()) {
				t.Errorf("%s: %v, %v", name, since, sound)
			}
			<-time.After(time.Second)
			l.Heal()
			healed := time.Now()
			<-time.After(time.Second)
			if since, sound := l.SoundSince(); !sound || !since.Equal(healed) {
				t.Errorf("%s: healed: %v, %v, want %v", name, since, sound, healed)
			}
		})
	}
}

func TestWhatAFaultStrikesIsTheLastThatWasFeltOfIt(t *testing.T) {
	for name, strike := range map[string]func(*Link, net.Conn){
		"a reset":        func(l *Link, _ net.Conn) { l.Reset() },
		"a wound":        func(_ *Link, c net.Conn) { c.Write([]byte("lost")) },
		"a late request": func(_ *Link, c net.Conn) { c.Write(wire(&kmsg.HeartbeatRequest{Version: 4})) },
		"a refusal": func(l *Link, _ net.Conn) {
			l.Dial(context.Background(), "tcp", "broker:2")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, _ := piped()
			world := make(chan struct{})
			defer close(world)
			l.world = world
			c, _ := l.Dial(t.Context(), "tcp", "broker:1")
			l.Wound(Wound{Out, Before})
			l.Late(int16(kmsg.Heartbeat), 1, time.Hour)
			l.Refuse("broker:2", true)
			<-time.After(time.Minute)
			strike(l, c)
			struck := time.Now()
			<-time.After(time.Minute)
			if since, _ := l.SoundSince(); !since.Equal(struck) {
				t.Errorf("%s: %v, want %v", name, since, struck)
			}
		})
	}
}

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

// piped is a link, and the other ends of the connections that are made over it.
func piped() (*Link, <-chan net.Conn) {
	peers := make(chan net.Conn, 16)
	return newLink(func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		peers <- far
		return near, nil
	}), peers
}

// wire is one whole request to Kafka.
func wire(r kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, r, 7)
}

func TestACutEndsConnectionsForGoodAndLetsNoNewOneBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		peer := <-peers
		held := make(chan error, 1)
		l.Freeze()
		go func() {
			_, err := c.Write([]byte("lost"))
			held <- err
		}()
		synctest.Wait()
		l.Cut()
		if err := <-held; !errors.Is(err, errCut) {
			t.Errorf("a write that the link held: %v", err)
		}
		if got, err := io.ReadAll(peer); len(got) > 0 || err != nil {
			t.Errorf("the peer got %q, %v", got, err)
		}
		// Nothing that is said of other faults brings it back.
		l.Thaw()
		l.Heal()
		l.Reset()
		l.FreezeWay(Out)
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a read works")
		}
		if _, err := c.Write([]byte("lost")); !errors.Is(err, errCut) {
			t.Errorf("a write: %v", err)
		}
		if _, err := l.Dial(t.Context(), "tcp", "broker:1"); !errors.Is(err, errCut) {
			t.Errorf("a new connection: %v", err)
		}
		if _, sound := l.SoundSince(); sound {
			t.Error("it says that it is sound")
		}
	})
}

func TestACutCatchesAConnectionThatIsJustBeingMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		slow := make(chan struct{})
		l := newLink(func(context.Context, string, string) (net.Conn, error) {
			<-slow
			return near, nil
		})
		dialled := make(chan error, 1)
		go func() {
			_, err := l.Dial(t.Context(), "tcp", "broker:1")
			dialled <- err
		}()
		synctest.Wait()
		l.Cut()
		close(slow)
		if err := <-dialled; !errors.Is(err, errCut) {
			t.Errorf("%v", err)
		}
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the peer hears %v", err)
		}
	})
}

func TestADialThatFailsIsTold(t *testing.T) {
	l := newLink(func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrNoProgress })
	if c, err := l.Dial(t.Context(), "tcp", "broker:1"); c != nil || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("%v, %v", c, err)
	}
}

func TestAResetEndsTheConnectionsOfNowAndNoLaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		var old [2]net.Conn
		for i := range old {
			old[i], _ = l.Dial(t.Context(), "tcp", "broker:1")
		}
		l.Reset()
		for _, c := range old {
			if _, err := (<-peers).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("a peer hears %v", err)
			}
			if _, err := c.Write([]byte("lost")); err == nil {
				t.Error("a connection goes on")
			}
		}
		c, err := l.Dial(t.Context(), "tcp", "broker:1")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c.Write([]byte("new"))
			c.Close()
		}()
		if got, err := io.ReadAll(<-peers); string(got) != "new" || err != nil {
			t.Errorf("over a new one came %q, %v", got, err)
		}
	})
}

func TestAFrozenLinkHoldsEverythingUntilItThaws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		writer, _ := l.Dial(t.Context(), "tcp", "broker:1")
		heard := <-peers
		reader, _ := l.Dial(t.Context(), "tcp", "broker:1")
		speaker := <-peers
		l.Freeze()
		began := time.Now()
		done := make(chan string, 5)
		say := func(what string, err error) {
			if err != nil || time.Since(began) != time.Hour {
				t.Errorf("%s after %v: %v", what, time.Since(began), err)
			}
			done <- what
		}
		go func() {
			_, err := writer.Write([]byte("asked"))
			say("write", err)
		}()
		go func() {
			p := make([]byte, 5)
			_, err := io.ReadFull(heard, p)
			say("arrival of "+string(p), err)
		}()
		go func() {
			p := make([]byte, 8)
			_, err := io.ReadFull(reader, p)
			say("read of "+string(p), err)
		}()
		go func() {
			_, err := l.Dial(t.Context(), "tcp", "broker:1")
			say("dial", err)
		}()
		if _, err := speaker.Write([]byte("answered")); err != nil { // what comes before the ice is no matter of it
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		if len(done) > 0 {
			t.Errorf("%s happened in the ice", <-done)
		}
		l.Thaw()
		var all []string
		for range 4 {
			all = append(all, <-done)
		}
		slices.Sort(all)
		if want := []string{"arrival of asked", "dial", "read of answered", "write"}; !slices.Equal(all, want) {
			t.Errorf("%q, want %q", all, want)
		}
	})
}

func TestADeadlineEndsWhatAFrozenOrSlowLinkHolds(t *testing.T) {
	for name, hold := range map[string]func(*Link){
		"frozen": (*Link).Freeze,
		"slow":   func(l *Link) { l.Slow(time.Hour, time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, peers := piped()
				writer, _ := l.Dial(t.Context(), "tcp", "broker:1")
				deaf := <-peers
				reader, _ := l.Dial(t.Context(), "tcp", "broker:1")
				speaker := <-peers
				waiter, _ := l.Dial(t.Context(), "tcp", "broker:1")
				hold(l)
				began := time.Now()
				for _, c := range []net.Conn{writer, reader, waiter} {
					c.SetDeadline(began.Add(3 * time.Second))
				}
				go speaker.Write([]byte("an answer"))
				errs := make(chan error, 3)
				for _, act := range []func([]byte) (int, error){writer.Write, reader.Read, waiter.Read} { // waiter is told nothing
					go func() {
						_, err := act(make([]byte, 9))
						errs <- err
					}()
				}
				for range 3 {
					// Clients tell a time-out from another end by this.
					if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 3*time.Second {
						t.Errorf("after %v: %v", time.Since(began), err)
					}
				}
				writer.Close()
				if got, _ := io.ReadAll(deaf); len(got) > 0 {
					t.Errorf("%d bytes of a write that ran out arrived", len(got))
				}
			})
		})
	}
}

func TestADialThroughAFrozenLinkEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		l.Freeze()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := l.Dial(ctx, "tcp", "broker:1"); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 3*time.Second || len(peers) > 0 {
			t.Errorf("after %v with %d peers: %v", time.Since(began), len(peers), err)
		}
	})
}

func TestClosingAConnectionEndsWhatItsLinkHolds(t *testing.T) {
	for name, hold := range map[string]func(*Link){
		"frozen": (*Link).Freeze,
		"slow":   func(l *Link) { l.Slow(time.Hour, time.Hour) },
	} {
		synctest.Test(t, func(t *testing.T) {
			l, _ := piped()
			c, _ := l.Dial(t.Context(), "tcp", "broker:1")
			hold(l)
			held := make(chan error, 1)
			go func() {
				_, err := c.Write([]byte("lost"))
				held <- err
			}()
			synctest.Wait()
			c.Close()
			c.Close() // clients do
			if err := <-held; !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestALinkThatIsDeafStillCarriesRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		peer := <-peers
		l.FreezeWay(In)
		began := time.Now()
		go func() {
			p := make([]byte, 5)
			if _, err := io.ReadFull(peer, p); string(p) != "asked" || err != nil || time.Since(began) != 0 {
				t.Errorf("after %v %q arrived, %v", time.Since(began), p, err)
			}
			peer.Write([]byte("answered"))
		}()
		if _, err := c.Write([]byte("asked")); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Dial(t.Context(), "tcp", "broker:2"); err != nil || time.Since(began) != 0 {
			t.Errorf("a dial after %v: %v", time.Since(began), err)
		}
		time.AfterFunc(time.Minute, l.Thaw)
		p := make([]byte, 8)
		if _, err := io.ReadFull(c, p); string(p) != "answered" || err != nil || time.Since(began) != time.Minute {
			t.Errorf("after %v %q was heard, %v", time.Since(began), p, err)
		}
	})
}

func TestALinkThatIsMuteStillHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		peer := <-peers
		l.FreezeWay(Out)
		began := time.Now()
		go peer.Write([]byte("answered"))
		p := make([]byte, 8)
		if _, err := io.ReadFull(c, p); string(p) != "answered" || err != nil {
			t.Errorf("%q was heard, %v", p, err)
		}
		go c.Write([]byte("asked"))
		go l.Dial(t.Context(), "tcp", "broker:2")
		peer.SetReadDeadline(began.Add(time.Minute - 1))
		if n, err := peer.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) || len(peers) > 0 {
			t.Errorf("%d bytes and %d connections came out, %v", n, len(peers), err)
		}
		peer.SetReadDeadline(time.Time{})
		l.Thaw()
		if n, err := peer.Read(p); string(p[:n]) != "asked" || err != nil {
			t.Errorf("after the thaw %q came out, %v", p[:n], err)
		}
		<-peers
	})
}

func TestWhatWasBegunInTheIceOfABrittleLinkNeverArrives(t *testing.T) {
	for name, freeze := range map[string]func(*Link){
		"both ways": (*Link).Freeze,
		"out":       func(l *Link) { l.FreezeWay(Out) },
	} {
		for end, thaw := range map[string]func(*Link){"thaw": (*Link).Thaw, "heal": (*Link).Heal} {
			synctest.Test(t, func(t *testing.T) {
				l, peers := piped()
				l.brittle = 2 * time.Second
				c, _ := l.Dial(t.Context(), "tcp", "api:80")
				peer := <-peers
				freeze(l)
				errs := make(chan error, 2)
				go func() {
					_, err := c.Write([]byte("lost"))
					errs <- err
				}()
				go func() {
					_, err := l.Dial(t.Context(), "tcp", "api:80")
					errs <- err
				}()
				<-time.After(time.Minute)
				thaw(l)
				thawed := time.Now()
				for range 2 {
					if err := <-errs; !errors.Is(err, errCut) {
						t.Errorf("%s, %s: what was held: %v", name, end, err)
					}
				}
				if got, err := io.ReadAll(peer); len(got) > 0 || err != nil {
					t.Errorf("%s, %s: the peer got %q, %v", name, end, got, err)
				}
				// Nor does what begins too soon after it.
				<-time.After(2*time.Second - 1)
				if _, err := l.Dial(t.Context(), "tcp", "api:80"); !errors.Is(err, errCut) {
					t.Errorf("%s, %s: a dial after %v: %v", name, end, time.Since(thawed), err)
				}
				<-time.After(1)
				c, err := l.Dial(t.Context(), "tcp", "api:80")
				if err != nil {
					t.Fatalf("%s, %s: a dial after %v: %v", name, end, time.Since(thawed), err)
				}
				go c.Write([]byte("new"))
				p := make([]byte, 3)
				if _, err := io.ReadFull(<-peers, p); string(p) != "new" || err != nil {
					t.Errorf("%s, %s: %q, %v", name, end, p, err)
				}
			})
		}
	}
}

func TestABrittleLinkThatWasOnlyDeafKeepsItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		l.brittle = 2 * time.Second
		c, _ := l.Dial(t.Context(), "tcp", "api:80")
		peer := <-peers
		l.FreezeWay(In)
		go peer.Write([]byte("answered"))
		time.AfterFunc(time.Minute, l.Thaw)
		p := make([]byte, 8)
		if _, err := io.ReadFull(c, p); string(p) != "answered" || err != nil {
			t.Errorf("%q was heard, %v", p, err)
		}
		go c.Write([]byte("and more"))
		if _, err := io.ReadFull(peer, p); string(p) != "and more" || err != nil {
			t.Errorf("%q came out, %v", p, err)
		}
	})
}

func TestASlowLinkMakesEachWayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, peers := piped()
		c, _ := l.Dial(t.Context(), "tcp", "broker:1")
		peer := <-peers
		go func() { // whatever it is told, it says again at once
			p := make([]byte, 8)
			for {
				n, err := peer.Read(p)
				if err != nil {
					return
				}
				peer.Write(p[:n])
			}
		}()
		for _, x := range []struct{ out, in time.Duration }{{2 * time.Second, 3 * time.Second}, {time.Second, 0}, {0, time.Second}, {0, 0}} {
			l.Slow(x.out, x.in)
			began := time.Now()
			if _, err := c.Write([]byte("ping")); err != nil || time.Since(began) != x.out {
				t.Errorf("%v: a write took %v, %v", x, time.Since(began), err)
			}
			p := make([]byte, 8)
			if n, err := c.Read(p); string(p[:n]) != "ping" || err != nil || time.Since(began) != x.out+x.in {
				t.Errorf("%v: %q after %v, %v", x, p[:n], time.Since(began), err)
			}
		}
		c.Close()
	})
}

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

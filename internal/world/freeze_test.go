package world

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

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

func TestADialHesitatesUntilItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := piped()
		l.Hesitate(time.Second)
		if _, sound := l.SoundSince(); sound {
			t.Error("a link that hesitates calls itself sound")
		}
		began := time.Now()
		if _, err := l.Dial(t.Context(), "tcp", "api:80"); err != nil || time.Since(began) != time.Second {
			t.Errorf("dialled after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		began = time.Now()
		if _, err := l.Dial(ctx, "tcp", "api:80"); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 500*time.Millisecond {
			t.Errorf("given up after %v: %v", time.Since(began), err)
		}
		l.Heal()
		began = time.Now()
		if _, err := l.Dial(t.Context(), "tcp", "api:80"); err != nil || time.Since(began) != 0 {
			t.Errorf("healed, and dialled after %v: %v", time.Since(began), err)
		}
	})
}

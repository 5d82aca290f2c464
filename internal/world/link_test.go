package world

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"

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

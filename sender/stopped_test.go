//go:build unix

package sender

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What the process that is stopped is told.
const (
	envStopped   = "SENDER_TEST_STOPPED"   // where the API is
	envAuthority = "SENDER_TEST_AUTHORITY" // who vouches for it
)

// A process is stopped with calls in its hands, past every check but the last: their connections are being made. Until
// it wakes up its lease has run out, by a real clock and on a real kernel.
func TestI3_AProcessThatWasStoppedSendsNothingWhenItWakesUpWithoutALease(t *testing.T) {
	const calls, lease = 16, 500 * time.Millisecond
	if api := os.Getenv(envStopped); api != "" {
		sendUntil(t, api, calls, lease)
		return
	}
	server, _ := identity(t)
	api := newHesitant(t, server)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), envStopped+"=https://"+api.Addr().String(),
		envAuthority+"="+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]})))
	var out strings.Builder
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		select {
		case <-api.came:
		case <-time.After(20 * time.Second):
			_ = child.Process.Kill()
			_ = child.Wait()
			t.Fatalf("only %d of %d connections:\n%s", i, calls, out.String())
		}
	}
	signal(t, child, syscall.SIGSTOP)
	close(api.greet) // the greetings are there when it wakes up
	<-time.After(2 * lease)
	signal(t, child, syscall.SIGCONT)
	if err := child.Wait(); err != nil {
		t.Fatalf("%v:\n%s", err, out.String())
	}
	if n := api.calls.Load(); n > 0 {
		t.Errorf("it sent %d calls after it woke up", n)
	}
	if want := fmt.Sprintf("%d withheld", calls); !strings.Contains(out.String(), want) {
		t.Errorf("want %s:\n%s", want, out.String())
	}
}

func signal(t *testing.T, p *exec.Cmd, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// sendUntil is what the process does: it makes calls at once, under a lease that isn't renewed.
func sendUntil(t *testing.T, api string, calls int, lease time.Duration) {
	began := time.Now()
	r := newRig(t, func(c *Config) { c.Endpoints = []string{api} })
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(os.Getenv(envAuthority)))
	r.client.transport.TLSClientConfig = &tls.Config{RootCAs: trusted, ServerName: "example.com"}
	var withheld atomic.Int32
	var all sync.WaitGroup
	for i := range calls {
		x := r.call(r.course(int64(i+1), fmt.Sprint("m", i)))
		all.Go(func() {
			a := r.Attempt(t.Context(), x, func() bool { return time.Since(began) < lease })
			if a.Kind == Withheld {
				withheld.Add(1)
			} else {
				t.Logf("kind %d: %v", a.Kind, a.Err)
			}
		})
	}
	all.Wait()
	fmt.Println(withheld.Load(), "withheld")
}

// hesitant is an API over TLS that greets nobody until it is told to.
type hesitant struct {
	net.Listener
	came  chan struct{}
	greet chan struct{} // closed to greet
	calls atomic.Int32
}

func newHesitant(t *testing.T, identity *tls.Config) *hesitant {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hesitant{Listener: l, came: make(chan struct{}), greet: make(chan struct{})}
	server := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { h.calls.Add(1); _, _ = fmt.Fprint(w, fine) }),
		TLSConfig: identity,
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.ServeTLS(h, "", "") })
	t.Cleanup(func() { _ = server.Close(); served.Wait() })
	return h
}

// Accept gives a connection that waits with its first word.
func (h *hesitant) Accept() (net.Conn, error) {
	c, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &reticent{Conn: c, hesitant: h}, nil
}

type reticent struct {
	net.Conn
	hesitant *hesitant
	once     sync.Once
}

func (c *reticent) Write(p []byte) (int, error) {
	c.once.Do(func() {
		c.hesitant.came <- struct{}{}
		<-c.hesitant.greet
	})
	return c.Conn.Write(p)
}

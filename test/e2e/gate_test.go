//go:build e2e

package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// gate is one worker's own way to the simulator. It notes when calls come through it.
type gate struct {
	server *httptest.Server

	mu    sync.Mutex // of calls
	calls []time.Time
}

func newGate(t testing.TB, to *simulator) *gate {
	t.Helper()
	target, err := url.Parse(to.url)
	if err != nil {
		t.Fatalf("reading the simulator's address: %v", err)
	}
	g := &gate{}
	through := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		// A worker that is killed or frozen cuts its calls: nobody needs to be told.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.calls = append(g.calls, time.Now())
		g.mu.Unlock()
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(g.server.Close)
	return g
}

// between is how many calls came from one moment to another.
func (g *gate) between(from, to time.Time) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, at := range g.calls {
		if at.After(from) && at.Before(to) {
			n++
		}
	}
	return n
}

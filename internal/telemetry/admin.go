package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Admin serves /livez, /readyz and /metrics.
type Admin struct {
	listener net.Listener
	server   *http.Server
}

// Scraped is Metrics or Letters.
type Scraped interface{ scraped() *prometheus.Registry }

// Listen takes the address at once, so that a mistake in it is told before work begins. ready says why the
// worker can't do its work, or nil; its text is shown to whoever asks.
func Listen(addr string, m Scraped, ready func() error) (*Admin, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err // it says what was listened on
	}
	return &Admin{listener: l, server: &http.Server{
		Handler: routes(m, ready),
		// Scrapers and probes are quick; whoever isn't must not hold connections.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute, // longer than the usual time between scrapes
		MaxHeaderBytes:    16 << 10,
	}}, nil
}

func routes(m Scraped, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.scraped(), promhttp.HandlerOpts{Registry: m.scraped()}))
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff") // a reason may hold what others wrote
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// Addr is where it listens.
func (a *Admin) Addr() net.Addr { return a.listener.Addr() }

// Run serves until ctx ends. Answers on their way are cut: nobody stops a worker to read them.
func (a *Admin) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = a.server.Close() })()
	if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving metrics: %w", err)
	}
	return nil
}

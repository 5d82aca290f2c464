package sender

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"roomrelay/event"
)

// answerLimit bounds what is read of an answer: ten messages echoed with every character escaped take half
// a megabyte, so that only an answer of nobody's is longer.
const answerLimit = 4 << 20

// longestRetryAfter is how far a Retry-After is believed.
const longestRetryAfter = 5 * time.Minute

type client struct {
	transport *http.Transport
	timeout   time.Duration
	// sign alone knows the secret: what prints a struct's inside doesn't ask Secret how it wants to be
	// shown, but sees nothing of a function's.
	sign func(http.Header)
}

func newClient(cfg *Config) *client {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         fencedDial(cfg.Dial),
		MaxIdleConnsPerHost: max(cfg.MaxInFlight, 1),
		// Shorter than what gateways usually keep, so that it is us who end a connection: a call on one
		// that the other side has just ended has no known outcome.
		IdleConnTimeout:        30 * time.Second,
		TLSHandshakeTimeout:    cfg.RequestTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		// Over HTTP/2 all calls would share one connection, and its end would leave them all unanswered.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	key, fixed := cfg.AppKey, cfg.AppSecret
	secret := cfg.SecretNow
	if secret == nil {
		secret = func() Secret { return fixed }
	}
	wall := cfg.Wall
	if wall == nil {
		wall = time.Now
	}
	return &client{transport: t, timeout: cfg.RequestTimeout, sign: func(h http.Header) { sign(h, key, string(secret()), wall()) }}
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Attempt makes the call and reads its answer, within the request time-out. may is asked once more before
// each write of the call, by other goroutines: false, and no more of it is written. Safe for concurrent use.
func (s *Sender) Attempt(ctx context.Context, call *Call, may func() bool) Answer {
	return s.client.do(ctx, s.urls.all[call.url], call.Events, &fence{may: may, began: time.Now()})
}

func (c *client) do(ctx context.Context, url *url.URL, events []*event.Event, f *fence) (a Answer) {
	a.Began = f.began
	defer func() { a.Written, a.Ended = f.written(), time.Now() }()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.transport.RoundTrip(c.request(f.trace(ctx), url, events))
	if err != nil {
		a.Kind, a.Err = f.kind(), err
		return a
	}
	defer resp.Body.Close()
	a.Kind, a.HTTPStatus = Answered, resp.StatusCode
	a.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), a.Began)
	buf := bodies.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 64<<10 { // an answer of megabytes is rare, its buffer isn't kept
			buf.Reset()
			bodies.Put(buf)
		}
	}()
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, answerLimit+1))
	switch {
	case err != nil:
		a.Err = fmt.Errorf("reading the answer: %w", err)
	case n > answerLimit:
		a.Err = errTooLong
	default:
		a.read(buf.Bytes(), events)
	}
	return a
}

var errTooLong = errors.New("reading the answer: longer than any answer of the API")

// request encodes and signs a call. The body isn't pooled: net/http may still read it after RoundTrip has
// returned, and making one costs a microsecond.
func (c *client) request(ctx context.Context, url *url.URL, events []*event.Event) *http.Request {
	size := events[0].EnvelopeBytes() + (len(events)-1)*event.SeparatorBytes
	for _, e := range events {
		size += e.MessageBytes()
	}
	body := event.AppendBody(make([]byte, 0, size), events)
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	first, _ := open()
	r := &http.Request{
		Method: http.MethodPost, URL: url, Host: url.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": contentType, "User-Agent": userAgent},
		ContentLength: int64(len(body)),
		Body:          first,
		// With this net/http can begin anew on another connection when an idle one turns out to be closed
		// before anything was written. It never does so later: a POST isn't idempotent.
		GetBody: open,
	}
	c.sign(r.Header)
	return r.WithContext(ctx)
}

var (
	contentType = []string{"application/x-www-form-urlencoded;charset=utf-8"}
	userAgent   = []string{"roomrelay"}
)

func retryAfter(v string, now time.Time) time.Duration {
	if v == "" {
		return 0
	}
	var d time.Duration
	if n, err := strconv.ParseInt(v, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), longestRetryAfter)
}

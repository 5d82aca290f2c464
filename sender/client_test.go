package sender

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wire is the API at the other end of in-memory connections. serve is given each connection.
type wire struct {
	mu    sync.Mutex // guards dials
	dials []string
	serve func(addr string, conn net.Conn) error
	open  sync.WaitGroup
}

func (w *wire) dial(_ context.Context, _, addr string) (net.Conn, error) {
	here, there := net.Pipe()
	w.mu.Lock()
	w.dials = append(w.dials, addr)
	w.mu.Unlock()
	done := make(chan error, 1)
	w.open.Go(func() {
		err := w.serve(addr, there)
		done <- err
		if err == nil || errors.Is(err, io.EOF) {
			_ = there.Close()
		}
	})
	select {
	case err := <-done:
		if errors.Is(err, errRefused) {
			return nil, err
		}
	case <-time.After(time.Nanosecond): // it isn't refused
	}
	return here, nil
}

var errRefused = errors.New("connection refused")

// over makes the end of a wire from what becomes of each request.
func over(answer func(r *http.Request, body string, conn net.Conn)) func(string, net.Conn) error {
	return func(_ string, conn net.Conn) error {
		in := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return io.EOF
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return io.EOF
			}
			answer(r, string(body), conn)
		}
	}
}

func reply(status int, body string, header ...string) func(*http.Request, string, net.Conn) {
	return func(_ *http.Request, _ string, conn net.Conn) {
		fmt.Fprintf(conn, "HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body), strings.Join(append(header, ""), "\r\n"), body)
	}
}

// onWire gives a rig in a bubble, whose API is at the other end of w.
func onWire(t *testing.T, w *wire, adjust func(*Config), test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			c.Dial = w.dial
			if adjust != nil {
				adjust(c)
			}
		})
		r.now = time.Now()
		test(r)
		r.Close()
		w.open.Wait()
	})
}

func TestACallIsSignedAnewAndEncodedAsThePageHasIt(t *testing.T) {
	nonces := map[string]bool{}
	w := &wire{serve: over(func(r *http.Request, body string, conn net.Conn) {
		form, err := url.ParseQuery(body)
		if err != nil || form.Get("roomid") != "7" || form.Get("fromAccid") != "ann" || !strings.Contains(form.Get("msgList"), `"msgId":"a"`) {
			t.Errorf("form %v: %v", form, err)
		}
		expect(t, "line", r.Method+" "+r.Host+r.URL.Path, "POST api.test/base/nimserver/chatroom/batchSendMsg.action")
		expect(t, "type", r.Header.Get("Content-Type"), "application/x-www-form-urlencoded;charset=utf-8")
		expect(t, "key", r.Header.Get("AppKey"), "key")
		expect(t, "time", r.Header.Get("CurTime"), fmt.Sprint(time.Now().Unix()))
		nonce := r.Header.Get("Nonce")
		if len(nonce) > 128 || nonces[nonce] {
			t.Errorf("nonce %q", nonce)
		}
		nonces[nonce] = true
		sum := sha1.Sum([]byte("a-secret-that-must-not-be-seen" + nonce + r.Header.Get("CurTime")))
		expect(t, "sum", r.Header.Get("CheckSum"), hex.EncodeToString(sum[:]))
		reply(200, fine)(r, body, conn)
	})}
	onWire(t, w, func(c *Config) { c.Endpoints = []string{"http://api.test/base/"} }, func(r *rig) {
		for range 3 {
			c := r.course(7, "a")
			x := r.call(c)
			a := r.Attempt(r.t.Context(), x, always)
			expect(t, "verdict", r.Judge(time.Now(), c, x, a).Verdict, Listed)
			time.Sleep(time.Second)
		}
		expect(t, "connections", len(w.dials), 1)
		expect(t, "signatures", len(nonces), 3)
	})
}

func TestASecretThatChangesIsUsedForTheNextCall(t *testing.T) {
	secret := Secret("first")
	w := &wire{serve: over(func(r *http.Request, body string, conn net.Conn) {
		sum := sha1.Sum([]byte(string(secret) + r.Header.Get("Nonce") + r.Header.Get("CurTime")))
		expect(t, "sum", r.Header.Get("CheckSum"), hex.EncodeToString(sum[:]))
		reply(200, fine)(r, body, conn)
	})}
	onWire(t, w, func(c *Config) { c.SecretNow = func() Secret { return secret } }, func(r *rig) {
		for _, secret = range []Secret{"first", "second"} {
			c := r.course(7, "a")
			x := r.call(c)
			expect(t, "verdict", r.Judge(time.Now(), c, x, r.Attempt(r.t.Context(), x, always)).Verdict, Listed)
		}
		expect(t, "connections", len(w.dials), 1)
	})
}

func TestHowAttemptsEnd(t *testing.T) {
	cut := func(text string) func(*http.Request, string, net.Conn) {
		return func(_ *http.Request, _ string, conn net.Conn) {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
	drip := func(every time.Duration, piece string) func(*http.Request, string, net.Conn) {
		return func(_ *http.Request, _ string, conn net.Conn) {
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for err == nil {
				_, err = fmt.Fprintf(conn, "%x\r\n%s\r\n", len(piece), piece)
				if every > 0 {
					time.Sleep(every)
				}
			}
		}
	}
	for name, x := range map[string]struct {
		answer func(*http.Request, string, net.Conn)
		want   Verdict
		took   time.Duration
	}{
		"answered":         {reply(200, fine), Listed, 0},
		"hangs":            {func(*http.Request, string, net.Conn) {}, Unknown, 5 * time.Second},
		"reset":            {cut(""), Unknown, 0},
		"half a header":    {cut("HTTP/1.1 200 OK\r\nConte"), Unknown, 0},
		"half a body":      {cut("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + fine), Unknown, 0},
		"no HTTP":          {cut("SSH-2.0-x\r\n"), Unknown, 0},
		"slow":             {drip(time.Second, " "), Unknown, 5 * time.Second},
		"endless":          {drip(0, strings.Repeat(" ", 1<<16)), Unknown, 0},
		"endless header":   {cut("HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 20_000)), Unknown, 0},
		"429, body cut":    {cut("HTTP/1.1 429 X\r\nContent-Length: 20\r\n\r\n"), Throttled, 0},
		"redirect":         {reply(302, "", "Location: http://elsewhere.test/"), SetUp, 0},
		"login page":       {reply(200, "<html>"), Unknown, 0},
		"gateway":          {reply(504, "<html>"), Unknown, 0},
		"empty":            {reply(204, ""), Unknown, 0},
		"refused by a 413": {reply(413, "<html>"), Refused, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{serve: over(x.answer)}
			onWire(t, w, nil, func(r *rig) {
				c := r.course(1, "a")
				call := r.call(c)
				a := r.Attempt(r.t.Context(), call, always)
				expect(t, "verdict", a.judge(), x.want)
				expect(t, "took", a.Ended.Sub(a.Began).Truncate(time.Millisecond), x.took)
				expect(t, "elsewhere", strings.Join(w.dials, " "), "api.test:80")
			})
		})
	}
}

func TestWithoutAConnectionACallIsNotDelivered(t *testing.T) {
	refuse := func(string, net.Conn) error { return errRefused }
	for name, x := range map[string]struct {
		serve  func(string, net.Conn) error
		scheme string
		want   Kind
	}{
		"refused":       {refuse, "http", NotDelivered},
		"no TLS":        {over(reply(200, fine)), "https", NotDelivered},
		"TLS hangs":     {func(_ string, c net.Conn) error { _, err := io.Copy(io.Discard, c); return err }, "https", NotDelivered},
		"control: hang": {func(_ string, c net.Conn) error { _, err := io.Copy(io.Discard, c); return err }, "http", NoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{serve: x.serve}
			onWire(t, w, func(c *Config) { c.Endpoints = []string{x.scheme + "://api.test"} }, func(r *rig) {
				a := r.Attempt(r.t.Context(), r.call(r.course(1, "a")), always)
				expect(t, "kind", a.Kind, x.want)
				expect(t, "error", a.Err != nil, true)
			})
		})
	}
}

func TestADeadConnectionThatWasKeptIsNoAttempt(t *testing.T) {
	// The API ends an idle connection. The next call finds that out before it has written anything, and
	// takes another one; where there is none, it wasn't delivered.
	for name, x := range map[string]struct {
		again bool
		want  Verdict
	}{"another is got": {true, Listed}, "no other is got": {false, Undelivered}} {
		t.Run(name, func(t *testing.T) {
			n := 0
			w := &wire{}
			w.serve = func(addr string, conn net.Conn) error {
				if n++; n > 1 && !x.again {
					return errRefused
				}
				in := bufio.NewReader(conn)
				r, err := http.ReadRequest(in)
				if err != nil {
					return io.EOF
				}
				_, _ = io.Copy(io.Discard, r.Body)
				reply(200, fine)(nil, "", conn)
				return nil // and ends the connection
			}
			onWire(t, w, nil, func(r *rig) {
				for i, want := range []Verdict{Listed, x.want} {
					a := r.Attempt(r.t.Context(), r.call(r.course(1, fmt.Sprint("m", i))), always)
					expect(t, fmt.Sprint("call ", i), a.judge(), want)
					synctest.Wait()
				}
			})
		})
	}
}

// stale is a connection that is dead without anybody having noticed: what is written to it fails.
type stale struct {
	net.Conn
	dead *bool
}

func (s stale) Write(p []byte) (int, error) {
	if *s.dead {
		return 0, net.ErrClosed
	}
	return s.Conn.Write(p)
}

func TestAConnectionFoundDeadBeforeAByteWasWrittenIsNoAttempt(t *testing.T) {
	for name, x := range map[string]struct {
		again bool
		want  Verdict
	}{"another is got": {true, Listed}, "no other is got": {false, Undelivered}} {
		t.Run(name, func(t *testing.T) {
			dead, refuse := false, false
			w := &wire{serve: over(reply(200, fine))}
			dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
				if refuse {
					return nil, errRefused
				}
				conn, err := w.dial(ctx, network, addr)
				mine := new(bool)
				if len(w.dials) == 1 {
					mine = &dead
				}
				return stale{conn, mine}, err
			}
			onWire(t, w, func(c *Config) { c.Dial = dial }, func(r *rig) {
				c := r.course(1, "a", "b")
				a := r.Attempt(r.t.Context(), r.call(c), always)
				expect(t, "first", a.judge(), Listed)
				synctest.Wait()
				dead, refuse = true, !x.again
				a = r.Attempt(r.t.Context(), r.call(c), always)
				expect(t, "second", a.judge(), x.want)
			})
		})
	}
}

func TestAnEndOfTheContextEndsAnAttempt(t *testing.T) {
	w := &wire{serve: over(func(*http.Request, string, net.Conn) {})}
	onWire(t, w, nil, func(r *rig) {
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		a := r.Attempt(ctx, r.call(r.course(1, "a")), always)
		expect(t, "took", a.Ended.Sub(a.Began), time.Second)
		expect(t, "verdict", a.judge(), Unknown)
	})
}

func TestAnEndpointThatCannotBeReachedIsLeftForTheNext(t *testing.T) {
	down := map[string]bool{"main.test:80": true}
	w := &wire{serve: func(addr string, conn net.Conn) error {
		if down[addr] {
			return errRefused
		}
		return over(reply(200, fine, "Connection: close"))(addr, conn)
	}}
	onWire(t, w, func(c *Config) { c.Endpoints = []string{"http://main.test", "http://backup.test"} }, func(r *rig) {
		last := func() string { return w.dials[len(w.dials)-1] }
		try := func(c *Course) Judgement {
			r.now = time.Now()
			x := r.call(c)
			return r.Judge(time.Now(), c, x, r.Attempt(r.t.Context(), x, always))
		}
		c := r.course(1, "a")
		j := try(c)
		expect(t, "verdict", j.Verdict, Undelivered)
		expect(t, "room", j.Room, Same)
		expect(t, "again", j.Again, r.now)
		expect(t, "backup", try(c).Verdict, Listed)
		expect(t, "it was", last(), "backup.test:80")
		time.Sleep(59 * time.Second)
		try(r.course(1, "b"))
		expect(t, "still", last(), "backup.test:80")
		time.Sleep(2 * time.Second)
		expect(t, "main again", try(r.course(1, "c")).Verdict, Undelivered)
		try(r.course(1, "d"))
		expect(t, "once", last(), "backup.test:80")
		down["main.test:80"] = false
		time.Sleep(61 * time.Second)
		try(r.course(1, "e"))
		try(r.course(1, "f"))
		expect(t, "back", last(), "main.test:80")
		down["main.test:80"], down["backup.test:80"] = true, true
		c = r.course(1, "g")
		expect(t, "both, first", try(c).Room, Same)
		j = try(c)
		expect(t, "both, second", j.Room, Trouble)
		expect(t, "waits", j.RoomUntil.After(r.now), true)
	})
}

func TestRetryAfterIsBelievedUpToFiveMinutes(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for v, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "300": 5 * time.Minute, "301": 5 * time.Minute, "99999999999": 0, "soon": 0,
		now.Add(time.Minute).UTC().Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).UTC().Format(http.TimeFormat): 0,
		now.Add(time.Hour).UTC().Format(http.TimeFormat):    5 * time.Minute,
	} {
		expect(t, v, retryAfter(v, now), want)
	}
}

package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// turns answers yes so many times, and no from then on.
func turns(yes int32) func() bool {
	var asked atomic.Int32
	return func() bool { return asked.Add(1) <= yes }
}

// identity is a server's certificate for example.com, and who trusts it.
func identity(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: trusted}
}

func TestI3_ACallThatMayNotBeSentAnyMoreAtTheWireIsAsIfItHadNotBegun(t *testing.T) {
	server, client := identity(t)
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			heard := 0
			api := over(func(r *http.Request, body string, conn net.Conn) {
				heard++
				reply(200, fine)(r, body, conn)
			})
			w := &wire{serve: api}
			if scheme == "https" {
				w.serve = func(addr string, conn net.Conn) error { return api(addr, tls.Server(conn, server)) }
			}
			onWire(t, w, func(c *Config) { c.Endpoints = []string{scheme + "://example.com"} }, func(r *rig) {
				r.client.transport.TLSClientConfig = client
				c := r.course(1, "a", "b")
				for _, connection := range []string{"new", "kept"} {
					before := heard
					x := r.call(c)
					a := r.Attempt(r.t.Context(), x, turns(0))
					expect(t, "kind on a "+connection+" connection", a.Kind, Withheld)
					j := r.Judge(r.now, c, x, a)
					expect(t, "verdict", j.Verdict, Unsent)
					expect(t, "absolved", len(j.Absolved), 2)
					expect(t, "again", j.Again, r.now)
					expect(t, "room", j.Room, Same)
					expect(t, "flag", x.Events[0].Flag, 0)
					expect(t, "heard", heard, before)
					d := r.course(2, "c")
					x = r.call(d)
					expect(t, "another call", r.Judge(r.now, d, x, r.Attempt(r.t.Context(), x, always)).Verdict, Listed)
					synctest.Wait() // the connection is kept
				}
				x := r.call(c)
				expect(t, "at last", r.Judge(r.now, c, x, r.Attempt(r.t.Context(), x, always)).Verdict, Listed)
			})
		})
	}
}

func TestACallOfWhichAPartWasWrittenMayHaveBeenTaken(t *testing.T) {
	w := &wire{serve: over(func(*http.Request, string, net.Conn) { t.Error("a part was taken for the whole") })}
	onWire(t, w, nil, func(r *rig) {
		events := messages(t, 1, "a", strings.Repeat("b", 20_000))
		c := r.NewCourse(events)
		x := r.call(c)
		a := r.Attempt(r.t.Context(), x, turns(1))
		expect(t, "kind", a.Kind, NoAnswer)
		r.Judge(r.now, c, x, a)
		expect(t, "flag", x.Events[0].Flag, 1)
	})
}

func TestI5_WhatIsntAnsweredIsntSentAgainBeforeTheTimeOutHasPassedSinceItWasWritten(t *testing.T) {
	w := &wire{serve: over(func(*http.Request, string, net.Conn) {})}
	slow := func(ctx context.Context, network, addr string) (net.Conn, error) {
		<-time.After(3 * time.Second)
		return w.dial(ctx, network, addr)
	}
	onWire(t, w, func(c *Config) { c.Dial = slow }, func(r *rig) {
		c := r.course(1, "a")
		x := r.call(c)
		began := time.Now()
		a := r.Attempt(r.t.Context(), x, always)
		expect(t, "ended", a.Ended.Sub(began), 5*time.Second)
		j := r.Judge(time.Now(), c, x, a)
		// The API has had it for two seconds, and may still take it.
		expect(t, "again", j.Again.Sub(began).Round(time.Millisecond), 8*time.Second)
	})
}

func TestAProbeThatIsHeldBackLetsTheNextOneGo(t *testing.T) {
	r := newRig(t)
	for i := range breakerCalls {
		c := r.course(int64(i), fmt.Sprint("m", i))
		x := r.call(c)
		r.Judge(r.now, c, x, Answer{Kind: NoAnswer, Began: r.now})
	}
	r.now = r.now.Add(time.Minute)
	c := r.course(50, "probe")
	for range 2 {
		expect(t, "gate", r.Gate(r.now).Mode, Probing)
		x := r.call(c)
		expect(t, "meanwhile", r.Gate(r.now).Mode, Shut)
		r.Judge(r.now, c, x, Answer{Kind: Withheld})
	}
	expect(t, "it says nothing of the API", r.Gate(r.now).Cause, Unresponsive)
}

//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// under is how long the workers are under load, while each session ends after five seconds.
const under = 60 * time.Second

// Sessions end, and certificates, keys, passwords, tokens and secrets change under load: nothing fails, nothing is sent
// twice, nobody restarts.
func TestSessionsEndAndFilesChangeUnderLoad(t *testing.T) {
	f := fortressOf(t)
	s := newStand(t, f.cluster, plan{partitions: 8, settings: patient()})
	f.grant(t, s, "worker", documented(t, forWorker)...)
	k := newKeeper(t, s.sim)
	secret := file(t, "app-secret", appSecret+"\n")
	delete(s.settings, "app-secret")
	s.settings = s.settings.with(settings{"api-endpoint": k.server.URL, "app-secret-file": secret})
	r := newRotation(t, f, s)
	var workers []*worker
	for _, in := range r.at {
		workers = append(workers, s.hire(t, in["sasl-mechanism"]+"-"+in["sasl-username"], in))
	}
	for _, w := range workers { // the group is whole when each has its share
		w.ready(t, 30*time.Second)
		poll(t, 30*time.Second, w.name+" has its share", func() (bool, string) {
			held := w.metric("partitions_held")
			return held == float64(s.partitions)/float64(len(workers)), fmt.Sprint(held)
		})
	}
	wait(t, time.Second) // commits of the generation before have been answered
	s.producer.start()
	began := time.Now()
	r.run(t, began, func() { k.change("another-secret"); rewrite(t, secret, "another-secret\n") })
	wait(t, time.Until(began.Add(under)))
	s.producer.stop(t)
	s.settle(t, time.Minute)
	if refused := k.change(""); refused == 0 {
		t.Error("no call was refused: the secret didn't change under load")
	}
	for _, w := range workers {
		if code := w.terminate(t, stopLimit); code != 0 {
			t.Errorf("%s ended with code %d:\n%s", w.name, code, w.lastWords())
		}
		r.quiet(t, w, began)
	}
	if a := s.audit(t); a.Published < 8000 || a.DeadLettered < 80 || a.duplicates > 0 || a.copies > 0 {
		t.Errorf("too little happened for this to prove anything, or something twice: %s", a)
	}
}

// rotation is the changes that befall the workers, and their settings.
type rotation struct {
	f  *fortress
	at []settings

	password, token, ca, cert, key string // files
}

func newRotation(t testing.TB, f *fortress, s *stand) *rotation {
	t.Helper()
	r := &rotation{f: f, ca: file(t, "ca.pem", f.authority.pem), token: file(t, "token", token("worker", firstToken))}
	for _, w := range []way{{"locked", "scram-sha-512"}, {"locked", "oauthbearer"}, {"mutual", "none"}, {"login", "plain"}} {
		in := f.in(t, w, "worker")
		if w.listener != "login" {
			in["tls-ca-file"] = r.ca
		}
		r.at = append(r.at, in)
	}
	r.password = r.at[0]["sasl-password-file"]
	r.at[1]["sasl-token-file"] = r.token
	r.cert, r.key = r.at[2]["tls-cert-file"], r.at[2]["tls-key-file"]
	t.Cleanup(func() { // for other tests
		f.setPassword(t, "worker", passwordOf("worker"))
		f.certify(t, f.authority)
	})
	return r
}

const (
	// tokens are how long a token is good. The next one comes before that.
	tokens = 15 * time.Second
	// firstToken is good until the workers are up and the first change is made, which may take a busy machine a minute.
	firstToken = tokens + 2*time.Minute
)

// run makes each change in its turn.
func (r *rotation) run(t *testing.T, began time.Time, secret func()) {
	t.Helper()
	next := newAuthority(t, "the next authority")
	client := r.f.authority.sign(t, "worker")
	due := map[time.Duration]func(){
		12 * time.Second: func() { rewrite(t, r.password, "another-password\n") },
		16 * time.Second: func() { r.f.setPassword(t, "worker", "another-password") },
		18 * time.Second: func() { rewrite(t, r.ca, r.f.authority.pem+next.pem) },
		24 * time.Second: func() { r.f.certify(t, next) },
		32 * time.Second: func() { rewrite(t, r.ca, next.pem[:len(next.pem)/2]) }, // somebody is slow at writing it
		35 * time.Second: func() { rewrite(t, r.ca, next.pem) },
		37 * time.Second: func() { rewrite(t, r.cert, client.cert); rewrite(t, r.key, client.key) },
		42 * time.Second: secret,
	}
	for at := tokens * 2 / 3; at < under; at += tokens * 2 / 3 {
		due[at] = func() { rewrite(t, r.token, token("worker", tokens)) }
	}
	for _, at := range slices.Sorted(maps.Keys(due)) {
		wait(t, time.Until(began.Add(at)))
		due[at]()
	}
}

// quiet sees that the worker has told what it was to tell since then, and nothing else.
func (r *rotation) quiet(t *testing.T, w *worker, since time.Time) {
	t.Helper()
	expected := []string{
		"file can't be used, what it held before goes on",
		"the new credential is refused, and the one of before isn't: has the user been changed, too?",
		"sending is held up", // between the change of the secret and that of its file
	}
	used := 0
	for _, l := range w.lines() {
		if l.Message == "file has changed and is used" {
			used++
		}
		if l.Time.After(since) && l.Level != "info" && !slices.Contains(expected, l.Message) {
			t.Errorf("%s says: %s", w.name, l.raw)
		}
	}
	t.Logf("%s has taken up %d changes", w.name, used)
	if used == 0 {
		t.Errorf("%s has taken up no change of a file", w.name)
	}
}

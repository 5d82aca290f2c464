//go:build e2e

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// mistake is one wrong setting, or one permission that is missing.
type mistake struct {
	name string
	at   settings
	says string // by the worker, in its log and at /readyz, and by check
	mend func() // nil: only a restart with other settings does

	worker *worker
}

// promptly is how soon a worker must have told what is wrong, on a busy machine.
const promptly = 8 * time.Second

// Each wrong setting is told as what it is, by check and by the worker, which isn't ready, makes no letter, tries again, and
// goes on by itself once it is mended.
func TestEachWrongSettingIsToldUntilItIsMended(t *testing.T) {
	f := fortressOf(t)
	s := newStand(t, f.cluster, plan{partitions: 3, settings: quick()})
	f.grant(t, s, "worker", documented(t, forWorker)...)
	s.producer.some(t, 200)
	all := append(f.wrongLogins(t), f.missingPermissions(t, s)...)
	for i := range all {
		all[i].worker = s.hire(t, strings.ReplaceAll(all[i].name, " ", "-"), all[i].at)
	}
	for _, m := range all {
		got := command(t, s.settings.with(m.at), "check")
		if got.code != 1 || !strings.Contains(got.out, "FAIL") || !strings.Contains(got.out, m.says) || got.took > promptly {
			t.Errorf("%s: check ends with code %d after %v, and not with %q: %s%s", m.name, got.code, got.took, m.says, got.out, got.err)
		}
	}
	for _, m := range all {
		m.told(t)
	}
	if to, err := f.endsOf(t.Context(), s.letterTopic()); err != nil || slices.ContainsFunc(values(to), func(n int64) bool { return n > 0 }) {
		t.Errorf("letters while nobody could work: %v, %v", to, err)
	}
	for _, m := range all {
		if m.mend == nil {
			m.worker.terminate(t, stopLimit)
			continue
		}
		m.mend()
		m.worker.ready(t, 20*time.Second)
	}
	s.settle(t, time.Minute)
	s.audit(t)
}

// told sees that the worker has told what is wrong, promptly, and is not ready for it.
func (m *mistake) told(t *testing.T) {
	t.Helper()
	poll(t, promptly, m.name+" is told", func() (bool, string) {
		if err := m.worker.ended(); err != nil {
			t.Fatal(err)
		}
		for _, l := range m.worker.lines() {
			if strings.Contains(l.raw, m.says) {
				if after := l.Time.Sub(m.worker.began); after > promptly {
					t.Errorf("%s: told after %v", m.name, after)
				}
				return true, ""
			}
		}
		return false, m.worker.lastWords()
	})
	poll(t, promptly, m.name+" makes it not ready", func() (bool, string) {
		status, text := m.worker.ask("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(text, m.says), text
	})
	const few = 30 // lines in some ten seconds, of all kinds
	if n := len(m.worker.lines()); n > few {
		t.Errorf("%s: %d lines of log", m.name, n)
	}
}

// wrongLogins are what may be wrong with TLS and login.
func (f *fortress) wrongLogins(t *testing.T) []mistake {
	t.Helper()
	scram := way{"locked", "scram-sha-512"}
	bearer, mutual := f.in(t, way{"locked", "oauthbearer"}, "worker"), f.in(t, way{"mutual", "none"}, "worker")
	password, ca := file(t, "password", "wrong\n"), file(t, "ca.pem", newAuthority(t, "another").pem)
	garbage, old := file(t, "token", "garbage"), file(t, "token", token("worker", -time.Hour))
	foreign := newAuthority(t, "another").sign(t, "worker")
	without := func(s settings, names ...string) settings {
		s = s.with(nil)
		for _, n := range names {
			delete(s, n)
		}
		return s
	}
	return []mistake{
		{name: "wrong password", says: "[58] SASL Authentication Failed", at: f.in(t, scram, "worker").with(settings{"sasl-password-file": password}), mend: func() { rewrite(t, password, passwordOf("worker")) }},
		{name: "unknown user", says: "[58] SASL Authentication Failed", at: f.in(t, scram, "nobody")},
		{name: "refused token", says: "invalid_token", at: bearer.with(settings{"sasl-token-file": garbage}), mend: func() { rewrite(t, garbage, token("worker", time.Hour)) }},
		{name: "expired token", says: "does anybody renew it?", at: bearer.with(settings{"sasl-token-file": old}), mend: func() { rewrite(t, old, token("worker", time.Hour)) }},
		{name: "wrong authority", says: "tls-ca-file must hold", at: f.in(t, scram, "worker").with(settings{"tls-ca-file": ca}), mend: func() { rewrite(t, ca, f.authority.pem) }},
		{name: "wrong name", says: "set tls-server-name", at: f.in(t, scram, "worker").with(settings{"tls-server-name": "other.example"})},
		{name: "no TLS", says: "(set tls)", at: f.in(t, way{"login", "scram-sha-512"}, "worker").with(settings{"brokers": f.locked})},
		{name: "TLS where there is none", says: "does this listener speak TLS?", at: f.in(t, scram, "worker").with(settings{"brokers": f.login})},
		{name: "no login", says: "does this listener want sasl-mechanism?", at: without(f.in(t, scram, "worker"), "sasl-mechanism", "sasl-username", "sasl-password-file")},
		{name: "login where there is none", says: "set sasl-mechanism to none", at: mutual.with(without(f.in(t, scram, "worker"), "brokers"))},
		{name: "no certificate", says: "check tls-cert-file", at: without(mutual, "tls-cert-file", "tls-key-file")},
		{name: "foreign certificate", says: "check tls-cert-file", at: mutual.with(settings{"tls-cert-file": file(t, "client.pem", foreign.cert), "tls-key-file": file(t, "client.key", foreign.key)})},
	}
}

// missingPermissions are a worker's, one missing at a time. Tokens may bear any name.
func (f *fortress) missingPermissions(t *testing.T, s *stand) (all []mistake) {
	t.Helper()
	for _, x := range []struct {
		user    string
		without permission
		says    string
	}{
		{"without-topic", permission{"Read", "topic", "chat"}, "Read on topic " + s.topic},
		{"without-group", permission{"Read", "group", "roomrelay"}, "Read on group " + s.group},
		{"without-letters", permission{"Write", "topic", "dlq.chat"}, "Write on topic " + s.letterTopic()},
	} {
		has := documented(t, forWorker)
		n := len(has)
		if has = slices.DeleteFunc(has, func(p permission) bool { return p == x.without }); len(has) != n-1 {
			t.Fatalf("the page doesn't name %v", x.without)
		}
		f.grant(t, s, x.user, has...)
		all = append(all, mistake{name: x.user, says: x.says, at: f.in(t, way{"locked", "oauthbearer"}, x.user), mend: func() { f.grant(t, s, x.user, x.without) }})
	}
	return all
}

func values(e ends) (all []int64) {
	for _, n := range e {
		all = append(all, n)
	}
	return all
}

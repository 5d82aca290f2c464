package login

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
)

// inFakeTime runs a test against a broker with sessions of that length; at its end no connection may be left.
func inFakeTime(t *testing.T, lifetime time.Duration, test func(*testing.T, *broker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &broker{t: t, lifetime: lifetime, good: "right"}
		test(t, b)
		synctest.Wait()
		b.change(func() {
			if b.open > 0 {
				t.Errorf("%d connections are left", b.open)
			}
			if b.killed > 0 {
				t.Errorf("%d requests began after the end of their session", b.killed)
			}
		})
	})
}

func TestNoRequestBeginsOnASessionThatIsOver(t *testing.T) {
	inFakeTime(t, 5*time.Second, func(t *testing.T, b *broker) {
		d, _ := newDialer(b)
		l := connect(t, d)
		defer l.Close()
		l.askFor(time.Minute, 100*time.Millisecond)
		l.askFor(time.Minute, 3*time.Second) // as heartbeats: the session ends between two
		l.askFor(time.Hour, 7*time.Minute)   // and many of them
		b.change(func() {
			if b.logins < 30 || b.logins > 100 {
				t.Errorf("%d logins", b.logins)
			}
		})
	})
}

func TestARequestIsNotCutByTheEndOfItsSession(t *testing.T) {
	inFakeTime(t, 5*time.Second, func(t *testing.T, b *broker) {
		d, _ := newDialer(b)
		l := connect(t, d)
		defer l.Close()
		b.change(func() { b.holds = time.Minute })
		for range 3 {
			if err := l.ask(2 * time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		b.change(func() {
			if b.served != 3 {
				t.Errorf("%d requests arrived", b.served)
			}
		})
	})
}

func TestARenewalThatFailsCostsNothingWhileTheSessionLasts(t *testing.T) {
	inFakeTime(t, 10*time.Second, func(t *testing.T, b *broker) {
		d, p := newDialer(b)
		l := connect(t, d)
		defer l.Close()
		b.change(func() { b.good = "changed" }) // at the broker first
		l.askFor(7500*time.Millisecond, 100*time.Millisecond)
		p.password("changed", 2)
		l.askFor(time.Minute, 100*time.Millisecond)
		b.change(func() {
			if b.refused < 2 || b.refused > 4 {
				t.Errorf("%d logins were refused", b.refused)
			}
		})
	})
}

func TestWithoutARenewalTheEndIsToldAsWhatItIs(t *testing.T) {
	inFakeTime(t, 10*time.Second, func(t *testing.T, b *broker) {
		d, p := newDialer(b)
		l := connect(t, d)
		defer l.Close()
		b.change(func() { b.good = "changed" })
		time.Sleep(time.Minute)
		err := l.ask(time.Second)
		if !errors.Is(err, kafka.SASLAuthenticationFailed) {
			t.Errorf("%v", err)
		}
		if e, ok := errors.AsType[*Error](err); !ok || !e.NeverSent() {
			t.Errorf("it isn't said that nothing was sent: %v", err)
		}
		p.password("changed", 2)
		again := connect(t, d)
		defer again.Close()
		again.askFor(time.Minute, time.Second)
	})
}

func TestABrokerThatDoesNotAnswerARenewalKeepsARequestNoLongerThanItsDeadline(t *testing.T) {
	inFakeTime(t, 10*time.Second, func(t *testing.T, b *broker) {
		d, _ := newDialer(b)
		l := connect(t, d)
		b.change(func() { b.deaf = true })
		time.Sleep(time.Minute)
		began := time.Now()
		err := l.ask(time.Second)
		if e, ok := errors.AsType[*Error](err); !ok || !e.NeverSent() || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		l.Close() // while the renewal is under way
		time.Sleep(2 * time.Hour)
	})
}

func TestTheCredentialOfBeforeIsTriedWhenTheNewOneIsRefused(t *testing.T) {
	inFakeTime(t, 10*time.Second, func(t *testing.T, b *broker) {
		d, p := newDialer(b)
		l := connect(t, d)
		defer l.Close()
		p.password("changed", 2) // at the worker first
		l.askFor(time.Minute, 100*time.Millisecond)
		fresh := connect(t, d)
		fresh.Close()
		b.change(func() { b.good = "changed" })
		l.askFor(time.Minute, 100*time.Millisecond)
		b.change(func() { b.refused = 0 })
		l.askFor(time.Minute, 100*time.Millisecond)
		b.change(func() {
			if b.refused > 0 {
				t.Errorf("%d logins with what is no longer good", b.refused)
			}
		})
	})
}

func TestAConnectionIsRenewedWhenItsSettingsChange(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, b *broker) {
		d, p := newDialer(b)
		l := connect(t, d)
		defer l.Close()
		l.askFor(5*time.Minute, time.Second)
		b.change(func() {
			if b.logins != 1 {
				t.Errorf("%d logins", b.logins)
			}
		})
		p.password("right", 2)
		l.askFor(5*time.Second, time.Second)
		b.change(func() {
			if b.logins != 2 {
				t.Errorf("%d logins", b.logins)
			}
		})
		l.askFor(time.Hour, time.Second) // a session without end is renewed, too
		b.change(func() {
			if b.logins < 7 || b.logins > 8 {
				t.Errorf("%d logins", b.logins)
			}
		})
	})
}

func TestATokensEndRenewsTheConnectionThoughTheBrokerSetsNone(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, b *broker) {
		issue := func() (Credential, error) {
			return Credential{Mechanism: Bearer("right"), Version: 1, Expires: time.Now().Add(100 * time.Second)}, nil
		}
		l := connect(t, New(Config{Dial: b.dial, SASL: issue}))
		defer l.Close()
		l.askFor(395*time.Second, time.Second)
		b.change(func() {
			if b.logins != 5 { // every 80 s
				t.Errorf("%d logins", b.logins)
			}
		})
	})
}

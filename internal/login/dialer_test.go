package login

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/scram"
)

func TestATokenIsProvenAsRFC7628Says(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, b *broker) {
		token := "right.e30.x"
		give := func() (Credential, error) { return Credential{Mechanism: Bearer(token)}, nil }
		d := New(Config{Dial: b.dial, SASL: give})
		l := connect(t, d)
		defer l.Close()
		if err := l.ask(time.Second); err != nil {
			t.Error(err)
		}
		token = "wrong"
		_, err := d.DialContext(t.Context(), "tcp", "broker:9092")
		if !errors.Is(err, kafka.SASLAuthenticationFailed) || !strings.Contains(err.Error(), "no such user") {
			t.Errorf("%v", err)
		}
		if s := fmt.Sprintf("%v %+v %#v %s", Bearer("secret"), Bearer("secret"), Bearer("secret"), Bearer("secret")); strings.Contains(s, "secret") {
			t.Errorf("the token shows itself: %s", s)
		}
	})
}

func TestWhatAFileWithATokenMayHold(t *testing.T) {
	claims := func(text string) string { return "e30." + base64.RawURLEncoding.EncodeToString([]byte(text)) + ".sig" }
	for _, x := range []struct {
		contents string
		expires  int64 // 0: not known
		ok       bool
	}{
		{claims(`{"exp":1800000000}`) + "\n", 1800000000, true},
		{claims(`{"exp":1.8e9,"sub":"ann"}`), 1800000000, true},
		{claims(`{"sub":"ann"}`), 0, true},
		{claims(`{"exp":"soon"}`), 0, true},
		{claims(`{"exp":1e300}`), 0, true},
		{"a.b.c", 0, true},
		{"a.%%.c", 0, false},
		{"opaque", 0, true},
		{"", 0, false},
		{" \r\n", 0, false},
		{"two words", 0, false},
		{"with\x01separator", 0, false},
	} {
		token, expires, err := ParseToken([]byte(x.contents))
		at := int64(0)
		if !expires.IsZero() {
			at = expires.Unix()
		}
		if (err == nil) != x.ok || at != x.expires || x.ok && token != strings.TrimSpace(x.contents) {
			t.Errorf("%q: %q, %v, %v", x.contents, token, expires, err)
		}
	}
}

func TestWhoCannotLogInIsToldWhatToDo(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, b *broker) {
		scrams, err := scram.Mechanism(scram.SHA256, "ann", "right")
		if err != nil {
			t.Fatal(err)
		}
		with := func(m sasl.Mechanism, err error) Config {
			return Config{Dial: b.dial, SASL: func() (Credential, error) { return Credential{Mechanism: m}, err }}
		}
		for says, cfg := range map[string]Config{
			"this listener takes PLAIN, OAUTHBEARER (set sasl-mechanism": with(scrams, nil),
			"(check sasl-username and sasl-password":                     with(Bearer("wrong"), nil),
			"the token expired":                                          with(nil, errors.New("the token expired")),
		} {
			_, err := New(cfg).DialContext(t.Context(), "tcp", "broker:9092")
			if err == nil || !strings.HasPrefix(err.Error(), "broker broker:9092: logging in: ") || !strings.Contains(err.Error(), says) {
				t.Errorf("%v; want %s", err, says)
			}
		}
		// Without a login the broker answers which versions it knows, and nothing else.
		l := connect(t, New(Config{Dial: b.dial}))
		defer l.Close()
		if err := l.ask(time.Second); err == nil || !strings.Contains(err.Error(), "sasl-mechanism?") {
			t.Errorf("%v", err)
		}
		_, err = New(Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }}).DialContext(t.Context(), "tcp", "broker:9092")
		if e, ok := errors.AsType[*Error](err); !ok || !e.NeverSent() || e.Step != stepDial {
			t.Errorf("%v", err)
		}
	})
}

func TestABrokerThatStopsDuringALoginHasNotRefusedIt(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, b *broker) {
		d, p := newDialer(b)
		l := connect(t, d)
		l.Close()
		p.password("right, too", 2)
		b.change(func() { b.stops = true })
		_, err := d.DialContext(t.Context(), "tcp", "broker:9092")
		if err == nil || errors.Is(err, kafka.SASLAuthenticationFailed) || !strings.Contains(err.Error(), "it is stopping, or refuses the login") {
			t.Errorf("%v", err)
		}
	})
}

func TestABrokerThatIsSilentIsLeftAfterTheTimeout(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, b *broker) {
		b.deaf = true
		d, _ := newDialer(b)
		began := time.Now()
		if _, err := d.DialContext(t.Context(), "tcp", "broker:9092"); err == nil || time.Since(began) != defaultTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestAskingGoesOverAConnectionOfItsOwn(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, b *broker) {
		d, _ := newDialer(b)
		m, err := d.Ask(t.Context(), "tcp", "broker:9092", &findcoordinator.Request{Key: "g"})
		if r, ok := m.(*findcoordinator.Response); !ok || r.NodeID != 7 {
			t.Errorf("%v, %v", m, err)
		}
	})
}

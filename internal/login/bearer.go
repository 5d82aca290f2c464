package login

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
)

// Bearer is the mechanism OAUTHBEARER (RFC 7628) with a token.
func Bearer(token string) sasl.Mechanism { return bearer(token) }

type bearer string

// Name is the mechanism's.
func (bearer) Name() string { return "OAUTHBEARER" }

// Start makes the client's only message.
func (b bearer) Start(context.Context) (sasl.StateMachine, []byte, error) {
	return bearing{}, []byte("n,,\x01auth=Bearer " + string(b) + "\x01\x01"), nil
}

type bearing struct{}

// Next is called when the broker has answered. What isn't empty says why it refuses the token; only after the client's
// empty answer to that it ends the exchange, with an error.
func (bearing) Next(_ context.Context, challenge []byte) (done bool, answer []byte, err error) {
	if len(challenge) == 0 {
		return true, nil, nil
	}
	return false, []byte{1}, nil
}

// GoString hides the token.
func (bearer) GoString() string { return "Bearer(********)" }

// String hides the token.
func (bearer) String() string { return "********" }

// ParseToken takes the token from a file's contents, and the time at which it expires: zero if it isn't a JSON Web
// Token, or names none. Whether it is genuine is for the broker to say.
func ParseToken(contents []byte) (token string, expires time.Time, err error) {
	token = strings.TrimSpace(string(contents))
	if token == "" {
		return "", expires, errors.New("it holds no token")
	}
	// What RFC 6750 lets a token consist of; a dot is among it.
	if i := strings.IndexFunc(token, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~+/=", r)
	}); i >= 0 {
		return "", expires, fmt.Errorf("it holds more than a token: character %d of it can't be in one", i+1)
	}
	parts := strings.Split(token, ".")
	const jwt = 3
	if len(parts) != jwt {
		return token, expires, nil
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return token, expires, nil //nolint:nilerr // three parts by chance
	}
	var c struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(claims, &c) == nil && c.Exp > 0 && c.Exp < math.MaxInt32*1e3 {
		expires = time.Unix(int64(c.Exp), 0)
	}
	return token, expires, nil
}

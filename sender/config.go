package sender

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Secret is a text that shows itself nowhere.
type Secret string

const hidden = "********"

// Format hides the secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Config of a Sender. Nothing has a default: what isn't said to be optional must be set.
type Config struct {
	Endpoints []string // such as https://api.yunxinapi.com; the first that can be reached is used
	AppKey    string
	AppSecret Secret
	// SecretNow is asked before each call for a secret that may change. nil: AppSecret stays.
	SecretNow func() Secret

	RequestTimeout time.Duration // from dialling to the last byte of an answer
	RetryInitial   time.Duration // first backoff of a room
	RetryMax       time.Duration // longest
	GiveUpAfter    time.Duration // between a batch's first and last counted attempt
	Rate           float64       // calls a second of the whole app; 0: no limit

	ResendRefusals   bool     // send what the API wants as a resend once more, with 1, instead of a letter
	DuplicateReasons []string // optional: parts of reasons that say that the message is there already
	MaxInFlight      int      // how many connections are kept
	Remember         int      // optional: how many messages are remembered as sent, a power of two; 0: 2^20

	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network
	Wall func() time.Time                                                  // the clock that signatures name; nil: time.Now
	Log  zerolog.Logger
}

// validate tells everything that is wrong at once.
func (c *Config) validate() error {
	var wrong []error
	say := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	say(len(c.Endpoints) == 0, "no endpoint is given")
	// In a header a line end would be refused at every call, and look like an API that can't be reached.
	say(!printable(c.AppKey), "the app key is empty or has characters that a header can't have")
	say(c.AppSecret == "", "the app secret is empty")
	say(c.RequestTimeout <= 0, "the request time-out is %v, want more than 0", c.RequestTimeout)
	say(c.RetryInitial <= 0, "the first retry is after %v, want more than 0", c.RetryInitial)
	say(c.RetryMax < c.RetryInitial, "the longest retry, %v, is shorter than the first, %v", c.RetryMax, c.RetryInitial)
	say(c.GiveUpAfter <= 0, "giving up after %v, want more than 0", c.GiveUpAfter)
	say(c.Remember < 0 || c.Remember&(c.Remember-1) != 0, "remembering %d messages, want a power of two", c.Remember)
	say(!(c.Rate >= 0) || math.IsInf(c.Rate, 0), "the rate is %v, want 0 or more", c.Rate)
	return errors.Join(wrong...)
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// action is the page's path of the call.
const action = "/nimserver/chatroom/batchSendMsg.action"

// address is where an endpoint takes calls. Errors don't repeat it: it might hold a password.
func address(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("an endpoint is no URL such as https://api.yunxinapi.com")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("endpoint %s://%s has more than an address: neither user, query nor fragment is sent", u.Scheme, u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/") + action
	return u, nil
}

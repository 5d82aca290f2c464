package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/segmentio/kafka-go"
)

// Error is why there is no connection.
type Error struct {
	Addr   string // of the broker
	Step   string // what failed
	Advice string // what to do; "" if Err says it
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("broker %s: %s", e.Addr, e.Reason()) }

// Reason is the error without the broker's address.
func (e *Error) Reason() string {
	s := e.Err.Error()
	if e.Step != stepDial { // the network's errors name theirs
		s = e.Step + ": " + s
	}
	if e.Advice != "" {
		s += " (" + e.Advice + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// NeverSent says that no request has reached the broker.
func (e *Error) NeverSent() bool { return e.Step != stepAnswer }

const (
	stepDial   = "connecting"
	stepAnswer = "waiting for an answer" // the one that fails with a request under way
)

// errClosed stands in the place of EOF, which the protocol package would not let through.
var errClosed = errors.New("the broker closed the connection")

// closed says that the broker has ended the connection.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func adviceOnTLS(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "tls-ca-file must hold the certificate of who signed the broker's"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "take an address that the broker's certificate names, or set tls-server-name to a name that it bears"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || closed(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "does this listener speak TLS? If not, unset tls or take the port of one that does"
	}
	return ""
}

// adviceAtFirst is on the first request of a session.
func (s *session) adviceAtFirst(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "remote error: tls:"):
		return "the broker doesn't take this client's certificate: check tls-cert-file, and that the broker trusts who signed it"
	case strings.Contains(text, "expecting TLS"):
		return "set tls"
	case closed(err) && !s.secure && !s.logged:
		return "does this listener want tls, or sasl-mechanism?"
	case closed(err) && !s.logged:
		return "does this listener want sasl-mechanism?"
	case closed(err) && !s.secure:
		return "does this listener want tls?"
	}
	return ""
}

func adviceOnLogin(err error) string {
	switch {
	case errors.Is(err, errSilent):
		return "it is stopping, or refuses the login and doesn't say so: check sasl-username and sasl-password, or sasl-token-file"
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return "check sasl-username and sasl-password, or sasl-token-file, and that the broker knows the user for this sasl-mechanism"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return "set sasl-mechanism to one of these"
	case errors.Is(err, kafka.IllegalSASLState):
		return "this listener takes no login: set sasl-mechanism to none, or take the port of one that does"
	case closed(err):
		return "does this listener take a login, and does tls fit it?"
	}
	return ""
}

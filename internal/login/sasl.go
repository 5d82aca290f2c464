package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
)

// errSilent isn't Kafka's refusal, which has a code: a broker that stops does the same.
var errSilent = errors.New("the broker closed the connection when it was told who we are")

// login proves who we are. lifetime is how long the broker lets the session last; 0: for ever.
func (s *session) login(ctx context.Context, with *Credential, addr string) (lifetime time.Duration, err error) {
	if with == nil {
		return 0, nil
	}
	if err := s.choose(with.Mechanism.Name()); err != nil {
		return 0, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0, err
	}
	ctx = sasl.WithMetadata(ctx, &sasl.Metadata{Host: host, Port: number})
	machine, text, err := with.Mechanism.Start(ctx)
	if err != nil {
		return 0, err
	}
	for done := false; !done; {
		answer, err := s.prove(text)
		if err != nil {
			return 0, err
		}
		lifetime = time.Duration(answer.SessionLifetimeMs) * time.Millisecond
		if done, text, err = machine.Next(ctx, answer.AuthBytes); err != nil {
			return 0, err
		}
	}
	return lifetime, nil
}

// choose names the mechanism.
func (s *session) choose(mechanism string) error {
	m, err := s.broker.RoundTrip(&saslhandshake.Request{Mechanism: mechanism})
	if err != nil {
		return err
	}
	answer := m.(*saslhandshake.Response) // what the protocol package reads is of the request's kind
	switch code := kafka.Error(answer.ErrorCode); code {
	case 0:
		return nil
	case kafka.UnsupportedSASLMechanism:
		return fmt.Errorf("%w; this listener takes %s", code, strings.Join(answer.Mechanisms, ", "))
	default:
		return code
	}
}

// prove makes one step of the mechanism.
func (s *session) prove(text []byte) (*saslauthenticate.Response, error) {
	m, err := s.broker.RoundTrip(&saslauthenticate.Request{AuthBytes: text})
	if err != nil && closed(err) {
		return nil, errSilent
	}
	if err != nil {
		return nil, err
	}
	answer := m.(*saslauthenticate.Response) // as above
	if answer.ErrorCode != 0 {
		err = kafka.Error(answer.ErrorCode)
		if answer.ErrorMessage != "" {
			err = fmt.Errorf("%w: %s", err, answer.ErrorMessage)
		}
		return nil, err
	}
	return answer, nil
}

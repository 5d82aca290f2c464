package config

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"roomrelay/internal/keyfile"
	"roomrelay/internal/login"
)

// dialTimeout is how long connecting to a broker may take, login included. The requests that must be answered soonest,
// heartbeats, give up after a third of session-timeout.
const dialTimeout = 3 * time.Second

// Transport makes the one way to the brokers that everything of the process shares, over connections that dialer makes.
//
// It knows the topic and the dead-letter topic alone; all topics of a large cluster would be many. A broker that
// moved is unknown for MetadataTTL at most.
func (s *Settings) Transport(dialer *login.Dialer) *kafka.Transport {
	return &kafka.Transport{
		Dial: dialer.DialContext, DialTimeout: dialTimeout, IdleTimeout: 30 * time.Second, ClientID: s.ClientID,
		MetadataTTL: time.Second, MetadataTopics: []string{s.Topic, s.DeadLetterTopic},
	}
}

// Addr is the brokers.
func (s *Settings) Addr() net.Addr { return kafka.TCP(s.Brokers...) }

// Dialer makes connections to the brokers. The files that the settings name are read anew when they change, and
// log is told of it. dial reaches the network; nil: directly.
func (s *Settings) Dialer(dial func(context.Context, string, string) (net.Conn, error), log zerolog.Logger) (*login.Dialer, error) {
	cfg := login.Config{Dial: dial, ClientID: s.ClientID, Timeout: dialTimeout, Log: log}
	encrypt, encryptVersion, err := s.encryption(log)
	if err != nil {
		return nil, err
	}
	prove, proveVersion, err := s.credential(log)
	if err != nil {
		return nil, fmt.Errorf("setting up sasl-mechanism %s: %w", s.SASLMechanism, err)
	}
	cfg.TLS, cfg.SASL = encrypt, prove
	cfg.Version = func() uint64 { return encryptVersion() + proveVersion() } // each only grows
	return login.New(cfg), nil
}

func never() uint64 { return 0 }

// encryption says what TLS is now, and of which version of the files that is.
func (s *Settings) encryption(log zerolog.Logger) (now func() *tls.Config, version func() uint64, err error) {
	if !s.TLS {
		return nil, never, nil
	}
	var roots *keyfile.File[*x509.CertPool]
	if s.TLSCAFile != "" {
		if roots, err = keyfile.Open(log, parseCA, s.TLSCAFile); err != nil {
			return nil, nil, fmt.Errorf("reading tls-ca-file: %w", err)
		}
	}
	var pair *keyfile.File[tls.Certificate]
	if s.TLSCertFile != "" {
		if pair, err = keyfile.Open(log, parsePair, s.TLSCertFile, s.TLSKeyFile); err != nil {
			return nil, nil, fmt.Errorf("reading tls-cert-file: %w", err)
		}
	}
	get := func() (c *tls.Config, version uint64) {
		c = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.TLSServerName}
		if roots != nil {
			c.RootCAs, version = roots.Value()
		}
		if pair != nil {
			cert, v := pair.Value()
			c.Certificates, version = []tls.Certificate{cert}, version+v
		}
		return c, version
	}
	return func() *tls.Config { c, _ := get(); return c }, func() uint64 { _, v := get(); return v }, nil
}

// credential says what to log in with now, and of which version of the file that is.
func (s *Settings) credential(log zerolog.Logger) (now func() (login.Credential, error), version func() uint64, err error) {
	switch {
	case s.SASLMechanism == "none":
		return nil, never, nil
	case s.SASLMechanism == "oauthbearer":
		return s.bearer(log)
	case s.SASLPasswordFile == "":
		return func() (login.Credential, error) {
			m, err := s.mechanism(s.SASLPassword)
			return login.Credential{Mechanism: m}, err
		}, never, nil
	}
	file, err := keyfile.Open(log, parseSecret, s.SASLPasswordFile)
	if err != nil {
		return nil, nil, fmt.Errorf("reading sasl-password-file: %w", err)
	}
	return func() (login.Credential, error) {
		password, v := file.Value()
		m, err := s.mechanism(password)
		return login.Credential{Mechanism: m, Version: v}, err
	}, func() uint64 { _, v := file.Value(); return v }, nil
}

func (s *Settings) bearer(log zerolog.Logger) (now func() (login.Credential, error), version func() uint64, err error) {
	file, err := keyfile.Open(log, parseToken, s.SASLTokenFile)
	if err != nil {
		return nil, nil, fmt.Errorf("reading sasl-token-file: %w", err)
	}
	return func() (login.Credential, error) {
		t, v := file.Value()
		if now := time.Now(); !t.expires.IsZero() && !now.Before(t.expires) {
			return login.Credential{}, fmt.Errorf("the token in sasl-token-file (%s) expired at %s, %s ago: does anybody renew it?",
				s.SASLTokenFile, t.expires.UTC().Format(time.RFC3339), now.Sub(t.expires).Round(time.Second))
		}
		return login.Credential{Mechanism: login.Bearer(t.text), Version: v, Expires: t.expires}, nil
	}, func() uint64 { _, v := file.Value(); return v }, nil
}

func (s *Settings) mechanism(password Secret) (sasl.Mechanism, error) {
	switch s.SASLMechanism {
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.SASLUsername, string(password))
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.SASLUsername, string(password))
	}
	return plain.Mechanism{Username: s.SASLUsername, Password: string(password)}, nil
}

// Secret says what the app's secret is now: a file is read anew when it changes, and log is told of it.
func (s *Settings) Secret(log zerolog.Logger) (func() Secret, error) {
	if s.AppSecretFile == "" {
		return func() Secret { return s.AppSecret }, nil
	}
	file, err := keyfile.Open(log, parseSecret, s.AppSecretFile)
	if err != nil {
		return nil, fmt.Errorf("reading app-secret-file: %w", err)
	}
	return func() Secret { secret, _ := file.Value(); return secret }, nil
}

package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// dialTimeout is how long connecting to a broker may take. The requests that must be answered soonest,
// heartbeats, give up after a third of session-timeout.
const dialTimeout = 3 * time.Second

// Transport makes the one way to the brokers that everything of the process shares.
//
// It knows the topic and the dead-letter topic alone; all topics of a large cluster would be many. A broker that
// moved is unknown for MetadataTTL at most.
func (s *Settings) Transport() (*kafka.Transport, error) {
	t := &kafka.Transport{
		DialTimeout: dialTimeout, IdleTimeout: 30 * time.Second, ClientID: s.ClientID,
		MetadataTTL: time.Second, MetadataTopics: []string{s.Topic, s.DeadLetterTopic},
	}
	if s.TLS {
		c, err := s.tlsConfig()
		if err != nil {
			return nil, err
		}
		t.TLS = c
	}
	m, err := s.mechanism()
	if err != nil {
		return nil, fmt.Errorf("setting up sasl-mechanism %s: %w", s.SASLMechanism, err)
	}
	t.SASL = m
	return t, nil
}

// Addr is the brokers.
func (s *Settings) Addr() net.Addr { return kafka.TCP(s.Brokers...) }

func (s *Settings) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.TLSServerName}
	if s.TLSCAFile != "" {
		pool, err := readCA(s.TLSCAFile)
		if err != nil {
			return nil, fmt.Errorf("reading tls-ca-file: %w", err)
		}
		c.RootCAs = pool
	}
	if s.TLSCertFile != "" {
		pair, err := tls.LoadX509KeyPair(s.TLSCertFile, s.TLSKeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading tls-cert-file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func (s *Settings) mechanism() (sasl.Mechanism, error) {
	switch s.SASLMechanism {
	case "plain":
		return plain.Mechanism{Username: s.SASLUsername, Password: string(s.SASLPassword)}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.SASLUsername, string(s.SASLPassword))
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.SASLUsername, string(s.SASLPassword))
	}
	return nil, nil
}

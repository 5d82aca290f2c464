package config

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Use is which command a setting is for.
type Use uint8

const (
	// Worker is all settings.
	Worker Use = iota + 1
	// Producer is those that publishing needs: how Kafka is reached, and the topic.
	Producer
	// Operator is those that looking after letters needs: Producer's, the group and the dead-letter topic.
	Operator
)

// setting is one line of the table.
type setting struct {
	name     string
	value    value
	help     string // one sentence without a full stop; what it trades where that isn't plain
	byDef    string // shown as the default instead of the value; "" if the value says it
	required bool
	secret   bool
	both     bool // for Producer and Operator, too
	operator bool // for Operator, too
}

// section is settings that are told of together.
type section struct {
	title    string
	settings []setting
}

// table is every setting, bound to s. All that reads, prints or documents settings goes over it.
func (s *Settings) table() []section {
	return []section{
		{"Kafka", s.kafka()},
		{"The API", s.api()},
		{"Batches", s.batches()},
		{"Delivery", s.delivery()},
		{"Operation", s.operation()},
	}
}

func (s *Settings) kafka() []setting {
	return []setting{
		{name: "brokers", value: listValue{&s.Brokers, address}, required: true, both: true, help: "addresses of brokers, host:port; list them all, so that one that is down doesn't matter"},
		{name: "topic", value: textValue{&s.Topic, topicName}, required: true, both: true, help: "topic with the chat events"},
		{name: "group", value: textValue{&s.Group, printable}, required: true, operator: true, help: "consumer group; workers of one group share the topic's partitions"},
		{name: "dead-letter-topic", value: textValue{&s.DeadLetterTopic, topicName}, operator: true, byDef: "`dlq.` and the topic", help: "topic for what could not be delivered; it must exist, with cleanup.policy=delete"},
		{name: "client-id", value: textValue{&s.ClientID, printable}, both: true, help: "name by which brokers log this client"},
		{name: "tls", value: boolean{&s.TLS}, both: true, help: "connect to the brokers with TLS"},
		{name: "tls-ca-file", value: textValue{at: &s.TLSCAFile}, both: true, byDef: "the system's", help: "PEM file with the certificates to trust; this file and the others below are read anew when they change"},
		{name: "tls-cert-file", value: textValue{at: &s.TLSCertFile}, both: true, help: "PEM file with this client's certificate, for mutual TLS"},
		{name: "tls-key-file", value: textValue{at: &s.TLSKeyFile}, both: true, help: "PEM file with the certificate's key"},
		{name: "tls-server-name", value: textValue{&s.TLSServerName, printable}, both: true, byDef: "each broker's host", help: "name that the brokers' certificates must bear"},
		{name: "sasl-mechanism", value: choice{&s.SASLMechanism, []string{"none", "plain", "scram-sha-256", "scram-sha-512", "oauthbearer"}}, both: true, help: "how to log in to the brokers"},
		{name: "sasl-username", value: textValue{at: &s.SASLUsername}, both: true, help: "user to log in as"},
		{name: "sasl-password", value: secretValue{&s.SASLPassword}, secret: true, both: true, help: "its password"},
		{name: "sasl-password-file", value: textValue{at: &s.SASLPasswordFile}, both: true, help: "file with the password instead"},
		{name: "sasl-token-file", value: textValue{at: &s.SASLTokenFile}, both: true, help: "file with the token for oauthbearer; whoever issues it writes it anew before it expires"},
	}
}

func (s *Settings) api() []setting {
	return []setting{
		{name: "api-endpoint", value: listValue{&s.APIEndpoints, endpoint}, help: "base URLs of the API, main before backup, all of the app's region"},
		{name: "app-key", value: textValue{&s.AppKey, printable}, required: true, help: "the app's key"},
		{name: "app-secret", value: secretValue{&s.AppSecret}, secret: true, help: "the app's secret; required, here or in app-secret-file"},
		{name: "app-secret-file", value: textValue{at: &s.AppSecretFile}, help: "file with the secret instead; it is read anew when it changes"},
		{name: "rate", value: decimal{&s.Rate, 100_000}, help: "calls a second of the whole group, divided by the share of partitions that each worker holds; the API's own limit is 100, 0 is none"},
		{name: "room-rate", value: decimal{&s.RoomRate, 100_000}, help: "messages a second a room; the API drops in silence what is beyond 20, 0 is no limit"},
		{name: "max-in-flight", value: integer{&s.MaxInFlight, 1, 10_000}, help: "calls on their way at once"},
		{name: "request-timeout", value: duration{&s.RequestTimeout, 100 * time.Millisecond, 5 * time.Minute}, help: "how long a call may last; at most a quarter of session-timeout"},
		{name: "retry-initial", value: duration{&s.RetryInitial, time.Millisecond, time.Minute}, help: "first wait before a call is repeated; each next one is longer"},
		{name: "retry-max", value: duration{&s.RetryMax, 10 * time.Millisecond, time.Hour}, help: "longest such wait"},
		{name: "give-up-after", value: duration{&s.GiveUpAfter, time.Second, 24 * time.Hour}, help: "how long a room may fail while others are answered until its messages become letters; at least twice retry-max"},
		{name: "resend-refusals", value: choice{&s.ResendRefusals, []string{"letter", "resend"}}, help: "what becomes of a message that the API says it has from before: a letter, or sent once more with resendFlag 1"},
		{name: "duplicate-reasons", value: listValue{at: &s.DuplicateReasons}, help: "texts in a refusal's reason that mean that the message was delivered before"},
	}
}

func (s *Settings) batches() []setting {
	return []setting{
		{name: "ordering", value: choice{&s.Ordering, []string{"sender", "room"}}, help: "whose messages keep their order: each sender's, or all of a room, which makes batches far smaller"},
		{name: "window", value: duration{&s.Window, 0, time.Minute}, help: "how long a message may wait for others to share its call"},
		{name: "max-batch", value: integer{&s.MaxBatch, 1, 10}, help: "messages a call; the API takes 10"},
		{name: "max-body-bytes", value: size{&s.MaxBodyBytes, 1 << 10, 16 << 20}, help: "size of a call's body beyond which no message is added"},
	}
}

func (s *Settings) delivery() []setting {
	const year = 365 * 24 * time.Hour
	return []setting{
		{name: "max-buffered-events", value: integer{&s.MaxBufferedEvents, 10, 100_000_000}, help: "events fetched and not settled, at most"},
		{name: "max-buffered-bytes", value: size{&s.MaxBufferedBytes, 64 << 10, 1 << 40}, help: "their size, at most; the process itself takes more"},
		{name: "commit-every", value: duration{&s.CommitEvery, 10 * time.Millisecond, time.Minute}, help: "time between commits"},
		{name: "auto-offset-reset", value: choice{&s.AutoOffsetReset, []string{"earliest", "latest", "fail"}}, help: "where to begin a partition that has no usable commit"},
		{name: "fresh", value: boolean{&s.Fresh}, help: "the group has never sent anything: a partition without a commit is sent without resendFlag"},
		{name: "session-timeout", value: duration{&s.SessionTimeout, time.Second, time.Hour}, help: "after how long without a heartbeat a worker's partitions go to others; brokers take 6s to 30m by default"},
		{name: "rebalance-timeout", value: duration{&s.RebalanceTimeout, time.Second, time.Hour}, help: "how long a worker may take to hand partitions over; at least session-timeout"},
		{name: "lease", value: duration{&s.Lease, 100 * time.Millisecond, time.Hour}, help: "how long sending goes on without an answered heartbeat; at most session-timeout less request-timeout"},
		{name: "instance-id", value: textValue{&s.InstanceID, printable}, help: "static membership: a worker that is back within session-timeout keeps its partitions; one name a worker"},
		{name: "leave-on-stop", value: boolean{&s.LeaveOnStop}, help: "a worker with instance-id hands its partitions over when it stops"},
		{name: "drain-timeout", value: duration{&s.DrainTimeout, time.Second, year}, help: "how long a stop may take; at least request-timeout and 5s"},
	}
}

func (s *Settings) operation() []setting {
	return []setting{
		{name: "admin-addr", value: optional{textValue{&s.AdminAddr, address}, "off"}, help: "address of /livez, /readyz and /metrics; off: none"},
		{name: "log-level", value: choice{&s.LogLevel, []string{"debug", "info", "warn", "error"}}, help: "the least that is logged"},
		{name: "log-format", value: choice{&s.LogFormat, []string{"json", "console"}}, help: "for machines or for people"},
	}
}

// of says whether the setting is for the command.
func (x *setting) of(u Use) bool { return u == Worker || x.both || u == Operator && x.operator }

// lookup finds a setting by name; nil: there is none.
func lookup(t []section, name string) *setting {
	for i := range t {
		if j := slices.IndexFunc(t[i].settings, func(x setting) bool { return x.name == name }); j >= 0 {
			return &t[i].settings[j]
		}
	}
	return nil
}

func variable(name string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

const prefix = "ROOMRELAY_"

func address(s string) error {
	if host, port, err := net.SplitHostPort(s); err != nil || port == "" || strings.ContainsAny(host, "/ ") {
		return errors.New("takes host:port, such as kafka-1:9092")
	}
	return nil
}

func endpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("takes a URL of scheme and host, such as https://api.netease.im")
	}
	return nil
}

// legal is what Kafka allows in a topic's name.
var legal = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func topicName(s string) error {
	if !legal.MatchString(s) || s == "." || s == ".." {
		return errors.New("takes up to 249 letters, digits, dots, underscores and hyphens")
	}
	return nil
}

// printable is for names that go into headers, commits and logs.
func printable(s string) error {
	if len(s) > 249 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("takes up to 249 bytes of text without control characters")
	}
	return nil
}

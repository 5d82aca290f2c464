// Package config is every setting of roomrelay: its name, default, limits, and where its value came from.
//
// It promises that a flag wins over a ROOMRELAY_* variable, that over the file, and that over the default;
// that every mistake is found before anything is connected, and all of them are told at once, each with
// the setting's name, where its value came from, what it got and what it takes; that what the table of
// settings says is what holds, since flags, variables, file, help and README are all made from it; and
// that no secret appears in anything it prints.
//
// It doesn't know what a setting does. An empty variable counts as not set.
package config

import "time"

// Settings is the effective configuration. Durations and sizes are as given; "" and 0 mean none.
type Settings struct {
	// Kafka
	Brokers         []string // host:port
	Topic           string
	Group           string
	DeadLetterTopic string // never empty after Load: dlq.<topic> by default
	ClientID        string
	TLS             bool
	TLSCAFile       string
	TLSCertFile     string
	TLSKeyFile      string
	TLSServerName   string
	SASLMechanism   string // none, plain, scram-sha-256, scram-sha-512 or oauthbearer
	SASLUsername    string
	SASLPassword    Secret // read from SASLPasswordFile if that was given

	SASLPasswordFile string
	SASLTokenFile    string

	// The API
	APIEndpoints     []string
	AppKey           string
	AppSecret        Secret // read from AppSecretFile if that was given
	AppSecretFile    string
	Rate             float64
	RoomRate         float64
	MaxInFlight      int
	RequestTimeout   time.Duration
	RetryInitial     time.Duration
	RetryMax         time.Duration
	GiveUpAfter      time.Duration
	ResendRefusals   string // letter or resend
	DuplicateReasons []string

	// Batches
	Ordering     string // sender or room
	Window       time.Duration
	MaxBatch     int
	MaxBodyBytes int

	// Delivery
	MaxBufferedEvents int
	MaxBufferedBytes  int
	CommitEvery       time.Duration
	AutoOffsetReset   string // earliest, latest or fail
	Fresh             bool
	SessionTimeout    time.Duration
	RebalanceTimeout  time.Duration
	Lease             time.Duration
	InstanceID        string
	LeaveOnStop       bool
	DrainTimeout      time.Duration

	// Operation
	AdminAddr string // "": no admin server
	LogLevel  string
	LogFormat string // json or console

	// Warnings are for the log: what holds, and is probably not meant.
	Warnings []string

	sources map[string]string // of what isn't a default, by name
}

// Defaults returns the settings as they are where nothing is said.
func Defaults() *Settings {
	return &Settings{
		ClientID:          "roomrelay",
		SASLMechanism:     "none",
		APIEndpoints:      []string{"https://api.netease.im"},
		Rate:              90,
		MaxInFlight:       64,
		RequestTimeout:    5 * time.Second,
		RetryInitial:      200 * time.Millisecond,
		RetryMax:          30 * time.Second,
		GiveUpAfter:       5 * time.Minute,
		ResendRefusals:    "letter",
		Ordering:          "sender",
		Window:            100 * time.Millisecond,
		MaxBatch:          10,
		MaxBodyBytes:      512 << 10,
		MaxBufferedEvents: 50_000,
		MaxBufferedBytes:  64 << 20,
		CommitEvery:       time.Second,
		AutoOffsetReset:   "earliest",
		SessionTimeout:    45 * time.Second,
		RebalanceTimeout:  60 * time.Second,
		Lease:             15 * time.Second,
		DrainTimeout:      20 * time.Second,
		AdminAddr:         "127.0.0.1:9464",
		LogLevel:          "info",
		LogFormat:         "json",
		sources:           map[string]string{},
	}
}

// Secret is a text that shows itself nowhere.
type Secret string

const mask = "********"

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

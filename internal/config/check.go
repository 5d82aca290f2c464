package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"roomrelay/internal/keyfile"
)

// check looks at what no setting can say alone.
func (l *loading) check() {
	for _, part := range l.sections {
		for i := range part.settings {
			x := &part.settings[i]
			if x.required && x.of(l.use) && l.sources[x.name] == "" && !l.wrong[x.name] {
				l.mistaken(x, "", "", fmt.Sprintf("is required: set --%s, %s, or %s in the file", x.name, variable(x.name), x.name))
			}
		}
	}
	l.checkKafka()
	if l.use != Producer {
		l.checkTopics()
	}
	if l.use == Worker {
		l.checkWorker()
	}
}

// rule adds a mistake about a setting if broken, unless one of the settings that it is about is wrong already.
func (l *loading) rule(broken bool, name, problem string, others ...string) {
	if !broken || l.wrong[name] || slices.ContainsFunc(others, func(o string) bool { return l.wrong[o] }) {
		return
	}
	x := lookup(l.sections, name)
	for _, o := range others {
		problem += fmt.Sprintf("; %s is %s (%s)", o, lookup(l.sections, o).value, l.Source(o))
	}
	l.mistaken(x, l.Source(name), x.value.String(), problem)
}

func (l *loading) checkTopics() {
	s := l.Settings
	l.rule(s.DeadLetterTopic == s.Topic, "dead-letter-topic", "takes another topic than that of the events")
	l.rule(topicName(s.DeadLetterTopic) != nil, "dead-letter-topic", "takes up to 249 letters: that of the topic with dlq. before it is too long, so name another", "topic")
}

func (l *loading) checkWorker() {
	s := l.Settings
	if s.AppSecret == "" && !l.wrong["app-secret"] && !l.wrong["app-secret-file"] {
		l.mistaken(lookup(l.sections, "app-secret"), "", "", "is required: set "+variable("app-secret")+", or app-secret-file")
	}
	l.rule(s.RequestTimeout > s.SessionTimeout/4, "request-timeout",
		"takes at most a quarter of session-timeout, so that calls of a worker that died are over before its partitions are somebody else's", "session-timeout")
	l.rule(s.RebalanceTimeout < s.SessionTimeout, "rebalance-timeout", "takes at least session-timeout", "session-timeout")
	l.rule(s.Lease > s.SessionTimeout-s.RequestTimeout, "lease",
		"takes at most session-timeout less request-timeout, so that its last call is over before its partitions are somebody else's", "session-timeout", "request-timeout")
	l.rule(s.Lease < 2*heartbeat(s.SessionTimeout), "lease",
		fmt.Sprintf("takes at least %s, twice the time between heartbeats, or sending would stop between them", short(2*heartbeat(s.SessionTimeout))), "session-timeout")
	l.rule(s.DrainTimeout < s.RequestTimeout+5*time.Second, "drain-timeout",
		"takes at least request-timeout and 5s more, so that a call on its way can end and be committed", "request-timeout")
	l.rule(s.RetryMax < s.RetryInitial, "retry-max", "takes at least retry-initial", "retry-initial")
	l.rule(s.GiveUpAfter < 2*s.RetryMax, "give-up-after", "takes at least twice retry-max", "retry-max")
	l.rule(s.MaxBodyBytes > s.MaxBufferedBytes, "max-body-bytes", "takes at most max-buffered-bytes", "max-buffered-bytes")
	l.rule(s.LeaveOnStop && s.InstanceID == "", "leave-on-stop", "means something only with instance-id: a worker without always leaves")
}

// heartbeat is how often the consumer sends one.
func heartbeat(session time.Duration) time.Duration { return min(session/10, 3*time.Second) }

func (l *loading) checkKafka() {
	s := l.Settings
	l.rule(s.SASLMechanism == "none" && s.SASLUsername != "", "sasl-username", "means something only with sasl-mechanism", "sasl-mechanism")
	token, password := s.SASLMechanism == "oauthbearer", s.SASLMechanism != "oauthbearer" && s.SASLMechanism != "none"
	l.rule(password && s.SASLUsername == "", "sasl-mechanism", "needs sasl-username")
	l.rule(password && s.SASLPassword == "", "sasl-mechanism", "needs sasl-password or sasl-password-file", "sasl-password-file")
	l.rule(token && s.SASLTokenFile == "", "sasl-mechanism", "needs sasl-token-file")
	l.rule(token && s.SASLUsername != "", "sasl-username", "means nothing with sasl-mechanism oauthbearer: the token says who we are")
	l.rule(token && s.SASLPassword != "", "sasl-password", "means nothing with sasl-mechanism oauthbearer: it takes sasl-token-file")
	l.rule(!token && s.SASLTokenFile != "", "sasl-token-file", "means something only with sasl-mechanism oauthbearer", "sasl-mechanism")
	for name, given := range map[string]string{"tls-ca-file": s.TLSCAFile, "tls-cert-file": s.TLSCertFile, "tls-key-file": s.TLSKeyFile, "tls-server-name": s.TLSServerName} {
		l.rule(!s.TLS && given != "", name, "means something only with tls")
	}
	l.rule(s.TLSCertFile != "" && s.TLSKeyFile == "", "tls-cert-file", "needs tls-key-file")
	l.rule(s.TLSKeyFile != "" && s.TLSCertFile == "", "tls-key-file", "needs tls-cert-file")
	if s.TLSCAFile != "" {
		_, err := keyfile.Open(zerolog.Nop(), parseCA, s.TLSCAFile)
		l.rule(err != nil, "tls-ca-file", fmt.Sprintf("takes a PEM file with certificates: %v", err))
	}
	if s.TLSCertFile != "" && s.TLSKeyFile != "" {
		_, err := keyfile.Open(zerolog.Nop(), parsePair, s.TLSCertFile, s.TLSKeyFile)
		l.rule(err != nil, "tls-cert-file", fmt.Sprintf("takes a PEM file that goes with tls-key-file: %v", err))
	}
	if s.SASLTokenFile != "" {
		_, err := keyfile.Open(zerolog.Nop(), parseToken, s.SASLTokenFile)
		l.rule(err != nil, "sasl-token-file", fmt.Sprintf("takes a file with a token: %v", err), "sasl-mechanism")
	}
}

// warn notes what works and is probably not meant.
func (l *loading) warn() {
	for _, name := range []string{"app-secret", "sasl-password"} {
		if l.Source(name) == "flag --"+name {
			l.Warnings = append(l.Warnings, fmt.Sprintf("--%s shows the secret to everybody who can list processes: use %s or %s-file", name, variable(name), name))
		}
	}
	if (l.SASLMechanism == "plain" || l.SASLMechanism == "oauthbearer") && !l.TLS {
		l.Warnings = append(l.Warnings, "sasl-mechanism "+l.SASLMechanism+" without tls sends the password or token in clear")
	}
	if l.use == Worker && l.Rate > 100 {
		l.Warnings = append(l.Warnings, "rate is above the 100 calls a second that the API gives an app by default: it answers more with a pause of 10 s")
	}
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"

	"roomrelay/internal/cluster"
	"roomrelay/internal/config"
	"roomrelay/internal/login"
)

// needed are the rights without which a worker can't do its work.
func needed(s *config.Settings) []cluster.Right {
	return []cluster.Right{
		{Operation: cluster.Read, Topic: s.Topic},
		{Operation: cluster.Read, Group: s.Group},
		{Operation: cluster.Write, Topic: s.DeadLetterTopic},
	}
}

// guard sees whether a worker has its rights. Reading without one fails by itself; but that letters can't be written would be
// seen with the first letter only, perhaps weeks later.
type guard struct {
	client  *cluster.Client
	dialer  *login.Dialer
	brokers []string
	needed  []cluster.Right
	log     zerolog.Logger

	missing atomic.Pointer[string] // what is, in words; nil: nothing, or not known
}

func newGuard(s *config.Settings, transport *kafka.Transport, dialer *login.Dialer, log zerolog.Logger) *guard {
	return &guard{
		client: &cluster.Client{Transport: transport, Addr: s.Addr(), Patience: 2 * time.Second},
		dialer: dialer, brokers: s.Brokers, needed: needed(s), log: log,
	}
}

const (
	// looksSoon is the time between two looks while something is missing, or can't be told.
	looksSoon = 3 * time.Second
	// looksLater is the time between two looks while nothing is: what was taken away is told within as much.
	looksLater = time.Minute
	// reminds is how often the log says again what is missing.
	reminds = time.Minute
)

// run looks until ctx ends.
func (g *guard) run(ctx context.Context) {
	var told time.Time
	var before []cluster.Right
	for ctx.Err() == nil {
		missing, err := g.client.Missing(ctx, g.dialer, g.brokers, g.needed)
		wait := looksSoon
		switch {
		case len(missing) > 0:
			words := list(missing)
			g.missing.Store(&words)
			if !slices.Equal(missing, before) || time.Since(told) >= reminds {
				g.log.Error().Str("missing", words).Msg("worker lacks permissions in Kafka, waiting for them")
				told = time.Now()
			}
			before = missing
		case err == nil:
			if before != nil {
				g.log.Info().Msg("permissions in Kafka are complete")
			}
			before = nil
			g.missing.Store(nil)
			wait = looksLater
		}
		pause(ctx, wait)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// ready returns nil, or which rights are missing.
func (g *guard) ready() error {
	if words := g.missing.Load(); words != nil {
		return fmt.Errorf("permissions are missing in Kafka: %s", *words)
	}
	return nil
}

func list(rights []cluster.Right) string {
	words := make([]string, len(rights))
	for i, r := range rights {
		words[i] = r.String()
	}
	return strings.Join(words, ", ")
}

// rights names each right that a worker needs and the user lacks, with the command that grants it.
func (k *kafkaCheck) rights(ctx context.Context) {
	s := k.settings
	c := &cluster.Client{Transport: k.client.Transport, Addr: s.Addr(), Patience: brokerWait / 2}
	must := needed(s)
	may := []cluster.Right{{Operation: cluster.DescribeConfigs, Topic: s.Topic}, {Operation: cluster.DescribeConfigs, Topic: s.DeadLetterTopic}}
	missing, err := c.Missing(ctx, k.dialer, s.Brokers, slices.Concat(must, may))
	user := "NAME"
	if s.SASLUsername != "" {
		user = s.SASLUsername
	}
	failed := false
	for _, r := range missing {
		grant := fmt.Sprintf("kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s %s", s.Brokers[0], user, r.Flags())
		if slices.Contains(must, r) {
			k.fail("permissions", "%v is missing; grant it: %s", r, grant)
			failed = true
			continue
		}
		k.note("permissions", "%v is missing, so nobody can see whether letters will fit; grant it: %s", r, grant)
	}
	switch {
	case err != nil:
		k.note("permissions", "not all of them can be told: %s", explainKafka(err))
	case !failed:
		k.ok("permissions", "%s", list(must))
	}
}

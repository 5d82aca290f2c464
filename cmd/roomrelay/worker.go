package main

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"roomrelay/batcher"
	"roomrelay/consumer"
	"roomrelay/deadletter"
	"roomrelay/internal/cluster"
	"roomrelay/internal/config"
	"roomrelay/internal/relay"
	"roomrelay/internal/telemetry"
	"roomrelay/sender"
)

func (p *program) workerCommand() *cobra.Command {
	return p.command("worker", "Move events from Kafka into chat rooms",
		"Joins the group and moves events until it is stopped. SIGTERM or Ctrl-C stops it in order: what is on its way ends, everything settled is committed, within drain-timeout. A second one ends it at once.",
		config.Worker, p.work)
}

func (p *program) work(ctx context.Context, f *config.Flags) error {
	s, err := config.Load(f, p.environ)
	if err != nil {
		return err
	}
	log, err := telemetry.NewLog(p.err, s.LogLevel, s.LogFormat)
	if err != nil {
		return err
	}
	for _, w := range s.Warnings {
		log.Warn().Str("what", w).Msg("setting")
	}
	dialer, err := s.Dialer(p.dial, log)
	if err != nil {
		return err
	}
	transport := s.Transport(dialer)
	defer transport.CloseIdleConnections()
	if err := fit(ctx, s, transport, log); err != nil {
		log.Error().Err(err).Msg("worker doesn't start")
		return errTold
	}
	g := newGuard(s, transport, dialer, log)
	looks, stop := context.WithCancel(ctx)
	var guarding sync.WaitGroup
	defer guarding.Wait()
	defer stop()
	guarding.Go(func() { g.run(looks) })
	if err := p.relay(ctx, s, g, log); err != nil {
		log.Error().Err(err).Msg("worker ended")
		return errTold
	}
	log.Info().Msg("worker ended")
	return nil
}

// fit refuses a dead-letter topic that would lose letters. What can't be found out doesn't keep a worker from
// its work: Kafka may be down.
func fit(ctx context.Context, s *config.Settings, transport *kafka.Transport, log zerolog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	c := &cluster.Client{Transport: transport, Addr: s.Addr(), Patience: 2 * time.Second}
	why, err := deadletter.Unfit(ctx, c, s.DeadLetterTopic, s.Topic)
	switch {
	case why != "":
		return fmt.Errorf("the dead-letter topic %q can't be used: %s", s.DeadLetterTopic, why)
	case err != nil && ctx.Err() == nil:
		log.Warn().Err(err).Str("dead-letter-topic", s.DeadLetterTopic).Msg("whether the dead-letter topic fits can't be told")
	}
	return nil
}

func (p *program) relay(ctx context.Context, s *config.Settings, g *guard, log zerolog.Logger) error {
	var r *relay.Relay
	metrics := telemetry.NewMetrics(telemetry.Config{
		Version: versionText(), Verdicts: verdicts(), Reasons: reasons(), Holds: holds(), Sample: func() telemetry.Sample { return sample(r, s) },
	})
	cfg, err := relayConfig(s, g.client.Transport, metrics, log)
	if err != nil {
		return err
	}
	r, err = relay.New(cfg)
	if err != nil {
		return err
	}
	if s.AdminAddr != "" {
		admin, err := telemetry.Listen(s.AdminAddr, metrics, func() error { return cmp.Or(g.ready(), r.Ready()) })
		if err != nil {
			return fmt.Errorf("listening on admin-addr: %w", err)
		}
		serve, stop := context.WithCancel(context.WithoutCancel(ctx)) // it answers during the drain, too
		served := make(chan struct{})
		defer func() { stop(); <-served }()
		go func() {
			defer close(served)
			if err := admin.Run(serve); err != nil {
				log.Error().Err(err).Msg("admin server ended")
			}
		}()
		log.Info().Stringer("addr", admin.Addr()).Msg("admin server listens")
	}
	defer context.AfterFunc(ctx, func() {
		log.Info().Dur("drain-timeout", s.DrainTimeout).Msg("stopping")
	})()
	log.Info().Str("version", versionText()).Strs("brokers", s.Brokers).Str("topic", s.Topic).Str("group", s.Group).
		Str("dead-letter-topic", s.DeadLetterTopic).Strs("api-endpoint", s.APIEndpoints).Msg("worker starts")
	return r.Run(ctx)
}

// relayConfig spreads the settings over the stages.
func relayConfig(s *config.Settings, transport kafka.RoundTripper, meter relay.Meter, log zerolog.Logger) (relay.Config, error) {
	secret, err := s.Secret(log)
	if err != nil {
		return relay.Config{}, err
	}
	ordering := map[string]batcher.Ordering{"sender": batcher.BySender, "room": batcher.ByRoom}
	reset := map[string]consumer.Reset{"earliest": consumer.Earliest, "latest": consumer.Latest, "fail": consumer.Fail}
	return relay.Config{
		Consumer: consumer.Config{
			Transport: transport, Addr: s.Addr(), Topic: s.Topic, Group: s.Group, InstanceID: s.InstanceID, ClientID: s.ClientID,
			SessionTimeout: s.SessionTimeout, RebalanceTimeout: s.RebalanceTimeout, RequestTimeout: s.RequestTimeout, Lease: s.Lease,
			CommitEvery: s.CommitEvery, MaxEvents: s.MaxBufferedEvents, MaxBytes: s.MaxBufferedBytes,
			Reset: reset[s.AutoOffsetReset], Fresh: s.Fresh, LeaveOnStop: s.LeaveOnStop, Log: log,
		},
		Batcher: batcher.Config{
			Ordering: ordering[s.Ordering], Window: s.Window, MaxBatch: s.MaxBatch, MaxBytes: s.MaxBodyBytes,
			Slots: s.MaxInFlight, RoomRate: s.RoomRate,
		},
		Sender: sender.Config{
			Endpoints: s.APIEndpoints, AppKey: s.AppKey, AppSecret: sender.Secret(s.AppSecret),
			SecretNow: func() sender.Secret { return sender.Secret(secret()) }, RequestTimeout: s.RequestTimeout,
			RetryInitial: s.RetryInitial, RetryMax: s.RetryMax, GiveUpAfter: s.GiveUpAfter, Rate: s.Rate,
			ResendRefusals: s.ResendRefusals == "resend", DuplicateReasons: s.DuplicateReasons, MaxInFlight: s.MaxInFlight, Log: log,
		},
		DeadLetter: deadletter.Config{
			Transport: transport, Addr: s.Addr(), Topic: s.DeadLetterTopic, SourceTopic: s.Topic, Group: s.Group,
			RequestTimeout: s.RequestTimeout, RetryInitial: s.RetryInitial, RetryMax: s.RetryMax, Log: log,
		},
		DrainTimeout: s.DrainTimeout, Meter: meter, Log: log,
	}, nil
}

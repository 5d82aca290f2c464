package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/deadletter"
	"roomrelay/internal/cluster"
	"roomrelay/internal/commits"
	"roomrelay/internal/config"
	"roomrelay/internal/login"
)

// kafkaCheck looks at brokers, topics and group.
type kafkaCheck struct {
	*report
	settings *config.Settings
	client   *kafka.Client
	dialer   *login.Dialer
}

// brokerWait is how long a broker may take to answer. Nobody wants to wait longer for a line.
const brokerWait = 10 * time.Second

func (k *kafkaCheck) run(ctx context.Context) {
	if !k.brokers(ctx) {
		k.note("topics", "not looked at, since no broker answers")
		return
	}
	n := k.topic(ctx, "topic", k.settings.Topic, "the producers' topic must exist")
	create := fmt.Sprintf("create it: kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %d --config cleanup.policy=delete",
		k.settings.Brokers[0], k.settings.DeadLetterTopic, max(n, 1))
	if k.topic(ctx, "dead-letter topic", k.settings.DeadLetterTopic, create) > 0 {
		k.policy(ctx)
	}
	if n > 0 {
		k.group(ctx, n)
	}
	k.rights(ctx)
}

// brokers asks each address on its own, so that one that is wrong isn't hidden by the others.
func (k *kafkaCheck) brokers(ctx context.Context) (any bool) {
	for _, address := range k.settings.Brokers {
		begun := time.Now()
		answer, err := k.metadata(ctx, address, k.settings.Topic)
		if err != nil {
			k.fail("broker "+address, "%s", explainKafka(err))
			continue
		}
		any = true
		k.ok("broker "+address, "answers in %v; brokers in the cluster: %d", time.Since(begun).Round(time.Millisecond), len(answer.Brokers))
	}
	return any
}

func (k *kafkaCheck) metadata(ctx context.Context, address, topic string) (*kafka.MetadataResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	r := &kafka.MetadataRequest{Topics: []string{topic}}
	if address != "" {
		r.Addr = kafka.TCP(address)
	}
	return k.client.Metadata(ctx, r)
}

// explainKafka adds what the library's errors leave to be guessed.
func explainKafka(err error) string {
	text := err.Error()
	if _, rest, ok := strings.Cut(text, "kafka.(*Client)."); ok { // the library's name for itself
		_, text, _ = strings.Cut(rest, ": ")
	}
	switch failed, ok := errors.AsType[*login.Error](err); {
	case ok:
		return failed.Reason()
	case strings.Contains(text, "EOF"), strings.Contains(text, "i/o timeout"):
		return text + ": is this a broker's port, and do tls and sasl-mechanism fit it?"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in " + brokerWait.String()
	}
	return text
}

// topic says how many partitions a topic has; 0: it can't be used.
func (k *kafkaCheck) topic(ctx context.Context, what, name, missing string) int {
	answer, err := k.metadata(ctx, "", name)
	if err == nil && len(answer.Topics) == 1 {
		err = answer.Topics[0].Error
	}
	what = fmt.Sprintf("%s %s", what, name)
	switch {
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		k.fail(what, "it doesn't exist; %s", missing)
		return 0
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		k.fail(what, "the user may not see whether it exists: permissions are below")
		return 0
	case err != nil:
		k.fail(what, "%s", explainKafka(err))
		return 0
	}
	partitions := answer.Topics[0].Partitions
	without := 0
	for _, p := range partitions {
		if p.Leader.ID < 0 || p.Leader.Host == "" {
			without++
		}
	}
	if without > 0 {
		k.fail(what, "%d of its %d partitions have no leader: is a broker down?", without, len(partitions))
		return len(partitions)
	}
	k.ok(what, "%d partitions", len(partitions))
	return len(partitions)
}

// policy sees that the topic can hold letters.
func (k *kafkaCheck) policy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	s := k.settings
	what := "dead-letter topic " + s.DeadLetterTopic
	c := &cluster.Client{Transport: k.client.Transport, Addr: s.Addr(), Patience: brokerWait / 2}
	switch why, err := deadletter.Unfit(ctx, c, s.DeadLetterTopic, s.Topic); {
	case err != nil:
		k.note(what, "whether it fits can't be told (%v); its cleanup.policy must be delete, and its max.message.bytes that of %s or more", err, s.Topic)
	case why != "":
		k.fail(what, "%s", why)
	default:
		k.ok(what, "its cleanup.policy is delete, and it takes what %s takes", s.Topic)
	}
}

// group sees whether the coordinator answers, and whether this would be the group's first work.
func (k *kafkaCheck) group(ctx context.Context, partitions int) {
	ctx, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	s := k.settings
	what := "group " + s.Group
	all := make([]int32, partitions)
	for i := range all {
		all[i] = int32(i)
	}
	found, err := k.commits(ctx, all)
	if err != nil && !errors.Is(err, kafka.GroupIdNotFound) { // which is a group that nobody has joined yet
		k.fail(what, "its commits can't be read: %s", explainKafka(err))
		return
	}
	committed := len(found)
	switch {
	case committed == partitions:
		k.ok(what, "has a commit for each partition")
	case s.Fresh:
		k.ok(what, "has a commit for %d of %d partitions; the others are fresh and begin at the %s record", committed, partitions, s.AutoOffsetReset)
	default:
		k.note(what, "has a commit for %d of %d partitions; in the others, what is in the topic now is sent with resendFlag 1 (set fresh if the group has never sent anything)", committed, partitions)
	}
}

const (
	coordinatorTries = 16                     // with coordinatorPause 8 s, within brokerWait: a fresh cluster needs 2 or 3
	coordinatorPause = 500 * time.Millisecond // between tries; someone is watching
)

// commits asks again while the group's coordinator is being made or moves: the first group of a
// fresh cluster has none until its brokers have made the topic of the commits.
func (k *kafkaCheck) commits(ctx context.Context, partitions []int32) (found map[int32]commits.Commit, err error) {
	source := commits.Source{Transport: k.client.Transport, Addr: k.client.Addr, Group: k.settings.Group}
	for range coordinatorTries {
		found, err = source.Read(ctx, k.settings.Topic, partitions...)
		switch code, _ := errors.AsType[kafka.Error](err); code {
		case kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup, kafka.UnstableOffsetCommit:
		default:
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, err // Kafka's words say more than the deadline's
		case <-time.After(coordinatorPause):
		}
	}
	return found, err
}

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go/network"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cluster is the brokers that tests share. Each test has topics and a group of its own there.
type cluster struct {
	addrs   []string
	brokers []*broker // by id from 1; none of a cluster that runs already
	client  *kgo.Client
	admin   *kadm.Client // by client
}

// clusterOf gives the cluster of n brokers, which is started when it is first asked for; or the one that
// runs already, whatever its size.
func clusterOf(t testing.TB, n int) *cluster {
	t.Helper()
	if external() != nil {
		n = 0
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if c := run.clusters[n]; c != nil {
		return c
	}
	began := time.Now()
	c, err := newCluster(run.ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("brokers up after %.1f s: %v", time.Since(began).Seconds(), c.addrs)
	run.clusters[n] = c
	return c
}

// newCluster starts n brokers, or with 0 looks for those that run already.
func newCluster(ctx context.Context, n int) (*cluster, error) {
	if n == 0 {
		return clusterAt(ctx, external(), nil)
	}
	brokers, err := startBrokers(ctx, n)
	if err != nil {
		return nil, err
	}
	var addrs []string
	for _, b := range brokers {
		addrs = append(addrs, b.addr)
	}
	return clusterAt(ctx, addrs, brokers)
}

// clusterAt is the cluster at these addresses, when all brokers are there; if they aren't known, at least one.
func clusterAt(ctx context.Context, addrs []string, brokers []*broker) (*cluster, error) {
	c, err := reach(addrs)
	if err != nil {
		return nil, err
	}
	c.brokers = brokers
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return c, c.await(ctx, max(len(brokers), 1))
}

// reach is a cluster at these addresses.
func reach(addrs []string) (*cluster, error) {
	// What an operator asks must not wait for a dead broker.
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.AlwaysRetryEOF(), kgo.RetryTimeout(20*time.Second), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &cluster{addrs: addrs, client: cl, admin: kadm.NewClient(cl)}, nil
}

func startBrokers(ctx context.Context, n int) ([]*broker, error) {
	image := os.Getenv(envImage)
	if image == "" {
		image = defaultImage
	}
	nw, err := network.New(ctx, network.WithLabels(labels()))
	if err != nil {
		return nil, fmt.Errorf("making a network for the brokers: %w", err)
	}
	brokers, failed := make([]*broker, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { brokers[i], failed[i] = startBroker(ctx, run.engine, image, nw, i+1, n) })
	}
	all.Wait()
	return brokers, errors.Join(failed...)
}

// await waits until n brokers are registered.
func (c *cluster) await(ctx context.Context, n int) error {
	for {
		list, err := c.admin.ListBrokers(ctx)
		if err == nil && len(list) >= n {
			return nil
		}
		if !waitFor(ctx, 100*time.Millisecond) {
			return fmt.Errorf("waiting for %d brokers: %d are there: %w", n, len(list), err)
		}
	}
}

// proxied are the addresses of the brokers' proxies.
func (c *cluster) proxied(t testing.TB) (addrs []string) {
	t.Helper()
	if external() != nil {
		t.Skipf("this test looks into what goes to the brokers, and those of %s have no proxies", envBrokers)
	}
	for _, b := range c.brokers {
		addrs = append(addrs, b.proxy.listener.Addr().String())
	}
	return addrs
}

// createTopic makes a topic, with a replica on each of up to three brokers.
func (c *cluster) createTopic(t testing.TB, name string, partitions int32, configs map[string]*string) {
	t.Helper()
	copies := int16(-1) // as by default
	if external() != nil {
		list, err := c.admin.ListBrokers(t.Context())
		if err != nil {
			t.Fatalf("listing brokers: %v", err)
		}
		copies = int16(min(len(list), 3))
	}
	poll(t, 30*time.Second, "creating topic "+name, func() (bool, string) {
		_, err := c.admin.CreateTopic(t.Context(), partitions, copies, configs, name)
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
			return true, ""
		}
		return false, err.Error()
	})
}

// breakable gives the cluster of three brokers to a test that breaks them; without one it skips the test.
func breakable(t testing.TB) *cluster {
	t.Helper()
	if external() != nil {
		t.Skipf("this test breaks brokers, and those of %s aren't its own", envBrokers)
	}
	return clusterOf(t, 3)
}

// whole waits until every broker is back and every replica in sync, as each broker sees it: one that the others have left
// alone goes on believing that they are there.
func (c *cluster) whole(t testing.TB) {
	t.Helper()
	poll(t, 2*time.Minute, "the cluster is whole again", func() (bool, string) {
		for _, b := range c.brokers {
			if err := b.ended(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := c.wholeTo(t.Context(), b); err != nil {
				return false, fmt.Sprintf("broker %d: %v", b.id, err)
			}
		}
		return true, ""
	})
}

// wholeTo is the error of what a broker doesn't see whole.
func (c *cluster) wholeTo(ctx context.Context, b *broker) error {
	req := kmsg.NewPtrMetadataRequest() // of all topics
	m, err := req.RequestWith(ctx, c.client.Broker(int(b.id)))
	if err != nil {
		return fmt.Errorf("asking for metadata: %w", err)
	}
	if len(m.Brokers) < len(c.brokers) {
		return fmt.Errorf("%d brokers", len(m.Brokers))
	}
	for _, topic := range m.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("%s/%d: %w", *topic.Topic, p.Partition, err)
			}
			if len(p.ISR) < len(p.Replicas) {
				return fmt.Errorf("%s/%d: in sync %v of %v", *topic.Topic, p.Partition, p.ISR, p.Replicas)
			}
		}
	}
	return nil
}

// tell says which brokers have ended if the test has failed. Nothing that is asked of them tells that from a way that is cut.
func (c *cluster) tell(t testing.TB) {
	t.Helper()
	if !t.Failed() {
		return
	}
	for _, b := range c.brokers {
		if err := b.ended(run.ctx); err != nil {
			t.Log(err)
		}
	}
}

// broker gives the one with the id.
func (c *cluster) broker(t testing.TB, id int32) *broker {
	t.Helper()
	at := slices.IndexFunc(c.brokers, func(b *broker) bool { return b.id == id })
	if at < 0 {
		t.Fatalf("there is no broker %d", id)
	}
	return c.brokers[at]
}

// led are the partitions of the topic that a broker leads.
func (c *cluster) led(t testing.TB, topic string, id int32) (partitions []int32) {
	t.Helper()
	m, err := c.admin.Metadata(t.Context(), topic)
	if err != nil {
		t.Fatalf("asking for the leaders of %s: %v", topic, err)
	}
	for _, p := range m.Topics[topic].Partitions.Sorted() {
		if p.Leader == id {
			partitions = append(partitions, p.Partition)
		}
	}
	return partitions
}

// coordinator is the broker that coordinates a group.
func (c *cluster) coordinator(t testing.TB, group string) int32 {
	t.Helper()
	got := c.admin.FindGroupCoordinators(t.Context(), group)
	if err := got.Error(); err != nil {
		t.Fatalf("asking for the coordinator of %s: %v", group, err)
	}
	return got[group].NodeID
}

// controller is the broker that is the active controller now. Metadata names any broker here.
func (c *cluster) controller(t testing.TB) int32 {
	t.Helper()
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, topic)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.AlwaysRetryEOF())
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	defer cl.Close()
	got, err := req.RequestWith(t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(got.ErrorCode)
	}
	if err != nil || len(got.Topics) == 0 {
		t.Fatalf("asking for the active controller: %v", err)
	}
	return got.Topics[0].Partitions[0].LeaderID
}

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go/network"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// cluster is the brokers that tests share. Each test has topics and a group of its own there.
type cluster struct {
	addrs   []string
	brokers []*broker // by id from 1; none of a cluster that runs already
	admin   *kadm.Client
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
	c := &cluster{addrs: external()}
	if n > 0 {
		var err error
		if c.brokers, err = startBrokers(ctx, n); err != nil {
			return nil, err
		}
		c.addrs = nil
		for _, b := range c.brokers {
			c.addrs = append(c.addrs, b.addr)
		}
	}
	// What an operator asks must not wait for a dead broker.
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.RetryTimeout(20*time.Second), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	c.admin = kadm.NewClient(cl)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return c, c.await(ctx, max(n, 1))
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

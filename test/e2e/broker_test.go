//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	mobynet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	tcwait "github.com/testcontainers/testcontainers-go/wait"
)

// broker is one of a cluster's, broker and controller in one. It keeps its port and its log over a restart.
type broker struct {
	engine *engine
	id     int32
	addr   string
	proxy  *proxy // before a listener of its own; nil of a broker of a cluster that runs already
	box    *testcontainers.DockerContainer
}

// Ports within the container.
const (
	portOutside    = "9092"
	portProxied    = "9095"
	portInside     = "19092"
	portController = "9093"
)

// startBroker starts broker id of n on a network and waits until it has. It has when the others have, too.
func startBroker(ctx context.Context, e *engine, image string, nw *testcontainers.DockerNetwork, id, n int) (*broker, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	b := &broker{engine: e, id: int32(id), addr: local(ports[0])}
	if b.proxy, err = newProxy(); err != nil {
		return nil, err
	}
	env := brokerSettings(id, n, b.addr, b.proxy.listener.Addr().String())
	b.box, err = testcontainers.Run(
		ctx, image,
		testcontainers.WithLabels(labels()),
		testcontainers.WithEnv(env),
		testcontainers.WithExposedPorts(portOutside+"/tcp", portProxied+"/tcp"),
		network.WithNetwork([]string{hostname(id)}, nw),
		// Fixed ports, since the broker must tell one to its clients before it has it, and keeps both when it
		// is started again.
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.PortBindings = mobynet.PortMap{
				mobynet.MustParsePort(portOutside + "/tcp"): bound(ports[0]),
				mobynet.MustParsePort(portProxied + "/tcp"): bound(ports[1]),
			}
		}),
		testcontainers.WithWaitStrategyAndDeadline(2*time.Minute, tcwait.ForLog("Kafka Server started")),
	)
	if err != nil {
		return nil, fmt.Errorf("starting broker %d from image %s: %w", id, image, err)
	}
	b.proxy.connect(local(ports[1]))
	return b, nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func bound(port int) []mobynet.PortBinding {
	return []mobynet.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: strconv.Itoa(port)}}
}

func hostname(id int) string { return "kafka-" + strconv.Itoa(id) }

// brokerSettings are those of the tests: as on a production cluster, but with short waits.
func brokerSettings(id, n int, addr, proxied string) map[string]string {
	var voters []string
	for i := 1; i <= n; i++ {
		voters = append(voters, fmt.Sprintf("%d@%s:%s", i, hostname(i), portController))
	}
	copies, least := "1", "1"
	if n >= 3 {
		copies, least = "3", "2"
	}
	return map[string]string{
		"CLUSTER_ID":                           "cm9vbXJlbGF5LWUyZS10ZQ",
		"KAFKA_NODE_ID":                        strconv.Itoa(id),
		"KAFKA_PROCESS_ROLES":                  "broker,controller",
		"KAFKA_CONTROLLER_QUORUM_VOTERS":       strings.Join(voters, ","),
		"KAFKA_CONTROLLER_LISTENER_NAMES":      "CONTROLLER",
		"KAFKA_LISTENERS":                      "OUTSIDE://:" + portOutside + ",PROXIED://:" + portProxied + ",INSIDE://:" + portInside + ",CONTROLLER://:" + portController,
		"KAFKA_ADVERTISED_LISTENERS":           "OUTSIDE://" + addr + ",PROXIED://" + proxied + ",INSIDE://" + hostname(id) + ":" + portInside,
		"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "OUTSIDE:PLAINTEXT,PROXIED:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"KAFKA_INTER_BROKER_LISTENER_NAME":     "INSIDE",

		"KAFKA_DEFAULT_REPLICATION_FACTOR":                       copies,
		"KAFKA_MIN_INSYNC_REPLICAS":                              least,
		"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":                 copies,
		"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS":                     "8",
		"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR":         copies,
		"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":                    least,
		"KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS":             "4",
		"KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR":            least,
		"KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": copies,

		"KAFKA_AUTO_CREATE_TOPICS_ENABLE":        "false",
		"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
		// Workers that are killed have sessions of a second or two here, so that tests take minutes, not hours.
		"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
		// What is measured is said of this; the default is 9 s.
		"KAFKA_BROKER_SESSION_TIMEOUT_MS": "6000",
		"KAFKA_HEAP_OPTS":                 "-Xmx512m -Xms256m",
		// Two that were down may come back with each other's address in the network. A third that remembers the former ones
		// (Java does for 30 s) then talks to the wrong one for good, since that one answers: no controller is elected.
		"KAFKA_OPTS": "-Dsun.net.inetaddr.ttl=0",
	}
}

// freePorts finds n different ones. A broker that is down must find its port free when it is back: so they are below those
// that a system gives to whoever asks for any (Linux from 32768 on, others from 49152 on).
func freePorts(n int) (ports []int, err error) {
	const lowest, end, tries = 20000, 32768, 100
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		port := lowest + rand.IntN(end-lowest)
		var l net.Listener
		if l, err = net.Listen("tcp", local(port)); err != nil {
			continue
		}
		defer l.Close() // at the end, so that they differ
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("looking for a free port from %d to %d: %w", lowest, end-1, err)
}

// kill ends the broker as kill -9 does.
func (b *broker) kill(t testing.TB) {
	t.Helper()
	if _, err := b.engine.client.ContainerKill(t.Context(), b.box.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		t.Fatalf("killing broker %d: %v", b.id, err)
	}
}

// stop ends it in order, as SIGTERM does.
func (b *broker) stop(t testing.TB) {
	t.Helper()
	patience := 60 // seconds
	if _, err := b.engine.client.ContainerStop(t.Context(), b.box.GetContainerID(), client.ContainerStopOptions{Timeout: &patience}); err != nil {
		t.Fatalf("stopping broker %d: %v", b.id, err)
	}
}

// start starts it again where it was; it answers some seconds later.
func (b *broker) start(t testing.TB) {
	t.Helper()
	if _, err := b.engine.client.ContainerStart(t.Context(), b.box.GetContainerID(), client.ContainerStartOptions{}); err != nil {
		t.Fatalf("starting broker %d again: %v", b.id, err)
	}
}

// ended is the error of a broker that isn't running, with its last words.
func (b *broker) ended(ctx context.Context) error {
	got, err := b.engine.client.ContainerInspect(ctx, b.box.GetContainerID(), client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("asking for the state of broker %d: %w", b.id, err)
	}
	s := got.Container.State
	if s.Running {
		return nil
	}
	text, err := b.log(ctx)
	if err != nil {
		return err
	}
	return fmt.Errorf("broker %d is %s since %s, with code %d and %q; its last words:\n%s", b.id, s.Status, s.FinishedAt, s.ExitCode, s.Error, last(text))
}

// log is all that the broker has said.
func (b *broker) log(ctx context.Context) ([]byte, error) {
	r, err := b.box.Logs(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the log of broker %d: %w", b.id, err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading the log of broker %d: %w", b.id, err)
	}
	return text, nil
}

// keepLog writes to a file what the broker has said.
func (b *broker) keepLog(ctx context.Context) error {
	text, err := b.log(ctx)
	if err != nil {
		return err
	}
	_, port, _ := strings.Cut(b.addr, ":")
	return os.WriteFile(program("broker-"+port+".log"), text, 0o600)
}

// freeze lets it stand still; its connections stay open.
func (b *broker) freeze(t testing.TB) {
	t.Helper()
	if _, err := b.engine.client.ContainerPause(t.Context(), b.box.GetContainerID(), client.ContainerPauseOptions{}); err != nil {
		t.Fatalf("freezing broker %d: %v", b.id, err)
	}
}

// thaw lets it go on.
func (b *broker) thaw(t testing.TB) {
	t.Helper()
	if _, err := b.engine.client.ContainerUnpause(t.Context(), b.box.GetContainerID(), client.ContainerUnpauseOptions{}); err != nil {
		t.Fatalf("thawing broker %d: %v", b.id, err)
	}
}

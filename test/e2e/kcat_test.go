//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/internal/chat"
)

// envKcat is the command of librdkafka's kcat; default: the one on the PATH, or else one in a container.
const envKcat = "ROOMRELAY_TEST_KCAT"

// kcat is the command, with the brokers as it reaches them.
type kcat []string

func newKcat(t *testing.T, c *cluster) kcat {
	t.Helper()
	k := kcat{"kcat", "-b", strings.Join(c.addrs, ",")}
	if own := strings.Fields(os.Getenv(envKcat)); len(own) > 0 {
		k = append(own, k[1:]...)
	} else if _, err := exec.LookPath("kcat"); err != nil {
		k = kcatInContainer(t, c)
	}
	_, version, _ := strings.Cut(k.run(t, "", "-V"), "Version ")
	t.Logf("%s: %s", k[0], strings.TrimSpace(version))
	return k
}

// kcatInContainer builds kcat's image. Its containers are in the network of the brokers.
func kcatInContainer(t *testing.T, c *cluster) kcat {
	t.Helper()
	if external() != nil {
		t.Skipf("there is no kcat on the PATH: install it (Debian's package is called kcat), or name it in %s", envKcat)
	}
	const image = "roomrelay-kcat:dev"
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "build", "-t", image, "kcat").CombinedOutput(); err != nil {
		t.Fatalf("building an image with kcat, since there is none on the PATH and %s names none: %v\n%s", envKcat, err, out)
	}
	networks, err := c.brokers[0].box.Networks(t.Context())
	if err != nil || len(networks) == 0 {
		t.Fatalf("asking for the brokers' network: %v %v", networks, err)
	}
	return kcat{
		"docker", "run", "--rm", "--interactive", "--label", labelRun + "=" + run.id, "--network", networks[0],
		image, "-b", inside,
	}
}

// start runs it with an input. end waits until it has ended, and gives what it says.
func (k kcat) start(t *testing.T, input io.Reader, args ...string) (end func() (string, error)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), k[0], append(k[1:len(k):len(k)], args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting kcat: %v", err)
	}
	return func() (string, error) {
		if err := cmd.Wait(); err != nil {
			return "", fmt.Errorf("kcat %q: %w: %s", args, err, errs.String())
		}
		return out.String(), nil
	}
}

func (k kcat) run(t *testing.T, input string, args ...string) string {
	t.Helper()
	said, err := k.start(t, strings.NewReader(input), args...)()
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// kcatLine is a record as kcat is told to read it.
func kcatLine(key, value []byte) string { return string(key) + "\x1f" + string(value) + "\x1e" }

// kcatProduces are the flags of a producer. It spreads keys as Java's does, which isn't librdkafka's default.
func (n *neighbour) kcatProduces(codec string, more ...string) []string {
	return append([]string{
		"-P", "-t", n.topic, "-z", codec, "-D", `\x1e`, "-K", `\x1f`, "-Z", "-X", "topic.partitioner=murmur2_random", "-X", "linger.ms=200",
		"-H", headerCodec + "=" + codec, "-H", "empty=", "-H", "null", "-H", "name=Zoë=1",
	}, more...)
}

// What librdkafka writes arrives, whatever it is compressed with, with headers, with keys and without, idempotent or not, in
// transactions too; what it aborts doesn't; and it reads letters.
func TestKcatIsANeighbour(t *testing.T) {
	c := clusterOf(t, 1)
	k := newKcat(t, c)
	n := newNeighbour(t, c)
	team := newCrew(t, n.stand, 1, false)
	abort := n.openTransaction(t, k)
	for i, codec := range codecs {
		lines := n.take(t, 100)
		n.wrote[codec] += len(lines)
		k.run(t, written(lines, kcatLine), n.kcatProduces(codec, "-X", fmt.Sprint("enable.idempotence=", i%2 == 0))...)
	}
	abort()
	n.close(t)
	said := k.run(t, "", "-C", "-t", n.letterTopic(), "-o", "beginning", "-e", "-q", "-f", `%p %o %K %S %h\t%k\t%s\x1e`)
	n.expectLetters(t, said, func(r *kgo.Record) string {
		length := len(r.Key)
		if r.Key == nil {
			length = -1
		}
		return fmt.Sprintf("%d %d %d %d %s\t%s\t%s\x1e", r.Partition, r.Offset, length, len(r.Value), headersAs(r, "="), r.Key, r.Value)
	})
	team.stopAll(t)
}

// openTransaction lets kcat write events in a transaction until they stand in the log. abort begins and commits another one with
// the same id, which aborts the first, as when a producer that had died is started again.
func (n *neighbour) openTransaction(t *testing.T, k kcat) (abort func()) {
	t.Helper()
	flags := n.kcatProduces("lz4", "-X", "transactional.id="+n.topic, "-m", "30")
	lines := n.unwanted(t, 60)
	before := n.end(t)
	from, to := io.Pipe()
	first := k.start(t, from, flags...)
	if _, err := io.WriteString(to, written(lines, kcatLine)); err != nil {
		t.Fatal(err)
	}
	poll(t, 30*time.Second, "a transaction's records stand in the log", func() (bool, string) {
		stand := n.end(t) - before
		return stand >= int64(len(lines)/2), fmt.Sprint(stand, " do") // the last ones it keeps until its input ends
	})
	return func() {
		t.Helper()
		lines := n.take(t, 50)
		n.wrote["lz4"] += len(lines)
		k.run(t, written(lines, kcatLine), flags...)
		to.Close()
		if said, err := first(); err == nil {
			t.Errorf("kcat could end a transaction that another one had aborted: %s", said)
		}
	}
}

// unwanted are valid events that were never published as they are: whoever shows them is blamed by the audit.
func (n *neighbour) unwanted(t *testing.T, count int) (lines []chat.Line) {
	t.Helper()
	for len(lines) < count {
		l, ok := n.producer.pull()
		if !ok {
			t.Fatal("there are no more lines")
		}
		n.producer.publish(&l)
		if l.Valid && writable(&l) {
			l.Value = bytes.Replace(l.Value, []byte(l.MsgID), []byte("aborted-"+l.MsgID), 1)
			lines = append(lines, l)
		}
	}
	n.producer.flush(t)
	return lines
}

// end is the sum of the ends of the topic's partitions.
func (n *neighbour) end(t *testing.T) int64 {
	t.Helper()
	all, err := n.cluster.endsOf(t.Context(), n.topic)
	if err != nil {
		t.Fatal(err)
	}
	return sum(all)
}

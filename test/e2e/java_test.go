//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/internal/chat"
)

// tool runs a command of Kafka's own in a broker's container, with a text as its input, and gives what it says.
func (c *cluster) tool(t *testing.T, input, command string) string {
	t.Helper()
	if external() != nil {
		t.Skip("Kafka's own tools are run in the brokers' containers, and there are none")
	}
	said, err := c.runTool(t.Context(), input, command)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func (c *cluster) runTool(ctx context.Context, input, command string) (string, error) {
	return c.runCommand(ctx, input, command+" --bootstrap-server "+inside)
}

// inside is the first broker's address in the network of the containers.
var inside = hostname(1) + ":" + portInside

func (c *cluster) runCommand(ctx context.Context, input, command string) (string, error) {
	// None takes so long. One that hangs is to be told, rather than the whole run.
	script := fmt.Sprintf("echo %s | base64 -d | timeout 120 /opt/kafka/bin/%s", base64.StdEncoding.EncodeToString([]byte(input)), command)
	code, out, err := c.brokers[0].box.Exec(ctx, []string{"/bin/bash", "-c", script}, exec.Multiplexed())
	if err != nil {
		return "", fmt.Errorf("running %s: %w", command, err)
	}
	said, err := io.ReadAll(out)
	if err != nil || code != 0 {
		return "", fmt.Errorf("%s ended with code %d: %s (%w)", command, code, said, err)
	}
	return string(said), nil
}

// produceWithJava writes lines to a topic, with headers if the text isn't empty.
func (n *neighbour) produceWithJava(t *testing.T, topic, headers string, lines []chat.Line, flags string) {
	t.Helper()
	input := written(lines, func(key, value []byte) string { return headers + orNull(key) + "\t" + orNull(value) + "\n" })
	n.cluster.tool(t, input, fmt.Sprintf(
		"kafka-console-producer.sh --topic %s --reader-property parse.headers=%t --reader-property parse.key=true --reader-property null.marker=NULL %s",
		topic, headers != "", flags))
}

// What Java's producer writes arrives, whatever it is compressed with, with headers, with keys and without, idempotent or not, in
// transactions too; what it aborts doesn't; and Java's consumer reads letters.
func TestJavaIsANeighbour(t *testing.T) {
	n := newNeighbour(t, clusterOf(t, 1))
	team := newCrew(t, n.stand, 1, false)
	for i, codec := range codecs {
		lines := n.take(t, 100)
		n.wrote[codec] += len(lines)
		headers := headerCodec + ":" + codec + ",empty:,null:NULL,name:Zoë=1\t"
		n.produceWithJava(t, n.topic, headers, lines, fmt.Sprintf("--compression-codec %s --command-property enable.idempotence=%t", codec, i%2 == 0))
	}
	n.copyInTransactions(t)
	n.close(t)
	said := n.cluster.tool(t, "", fmt.Sprintf("kafka-console-consumer.sh --topic %s --from-beginning --max-messages %d --timeout-ms 20000"+
		" --formatter-property print.headers=true --formatter-property print.key=true --formatter-property print.partition=true"+
		" --formatter-property print.offset=true --formatter-property null.literal=NULL", n.letterTopic(), sum(n.lettersAudited)))
	n.expectLetters(t, said, func(r *kgo.Record) string {
		return fmt.Sprintf("Partition:%d\tOffset:%d\t%s\t%s\t%s\n", r.Partition, r.Offset, headersAs(r, ":"), orNull(r.Key), r.Value)
	})
	team.stopAll(t)
}

// copyInTransactions lets the copier of Kafka's own tests carry events from another topic in transactions of four. Each that
// it aborts, one in three by chance, it writes again.
func (n *neighbour) copyInTransactions(t *testing.T) {
	t.Helper()
	from := "from." + n.topic
	n.cluster.createTopic(t, from, n.partitions, nil)
	n.produceWithJava(t, from, "", n.take(t, 120), "")
	said, err := n.cluster.runCommand(t.Context(), "", fmt.Sprintf("kafka-run-class.sh org.apache.kafka.tools.TransactionalMessageCopier --broker-list %s"+
		" --input-topic %s --input-partition 0 --group-mode --use-group-metadata --consumer-group %s --output-topic %s"+
		" --transactional-id %s --transaction-size 4 --enable-random-aborts", inside, from, from, n.topic, from))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, `"remaining":0`) {
		t.Fatalf("not all was copied: %s", said)
	}
}

//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go/exec"

	"roomrelay/internal/imsim"
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
	script := fmt.Sprintf("echo %s | base64 -d | /opt/kafka/bin/%s --bootstrap-server %s:%s", base64.StdEncoding.EncodeToString([]byte(input)), command, hostname(1), portInside)
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

// What Java's producer writes arrives, whatever it is compressed with, with headers and without keys; and Java's consumer
// reads letters.
func TestJavaIsANeighbour(t *testing.T) {
	c := clusterOf(t, 1)
	s := newStand(t, c, plan{partitions: 2, settings: quick()})
	s.sim.misbehave(t, &imsim.Faults{}) // it refuses nothing
	team := newCrew(t, s, 1, false)
	var want []string
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		var input strings.Builder
		for i := range 20 {
			id := fmt.Sprintf("%s-%02d", codec, i)
			want = append(want, id)
			fmt.Fprintf(&input, "codec:%s\t{\"roomid\":77,\"fromAccid\":\"ann\",\"msgId\":%q,\"msgType\":0,\"attach\":\"%s\"}\n", codec, id, strings.Repeat("good evening ", 20))
		}
		c.tool(t, input.String(), "kafka-console-producer.sh --topic "+s.topic+" --compression-codec "+codec+" --reader-property parse.headers=true")
	}
	c.tool(t, "from:java\t4711\tno JSON at all\n", "kafka-console-producer.sh --topic "+s.topic+" --reader-property parse.headers=true --reader-property parse.key=true")
	s.settle(t, time.Minute)
	var got []string
	for _, m := range s.sim.shown(t) {
		got = append(got, m.MsgID)
	}
	// Without keys the producer chooses partitions as it likes, and order holds only within each.
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("shown: %q\nwant: %q", got, want)
	}
	letter := c.tool(t, "", "kafka-console-consumer.sh --topic "+s.letterTopic()+" --from-beginning --max-messages 1 --timeout-ms 20000 --formatter-property print.headers=true --formatter-property print.key=true")
	for _, part := range []string{"from:java", "roomrelay.reason:invalid", "__dlq.errors.topic:" + s.topic, "\t4711\tno JSON at all"} {
		if !strings.Contains(letter, part) {
			t.Errorf("Java's consumer shows a letter without %q: %s", part, letter)
		}
	}
	team.stopAll(t)
}

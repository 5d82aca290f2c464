//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"roomrelay/internal/imsim"
)

// envKcat names the program; with it the test is never skipped.
const envKcat = "ROOMRELAY_TEST_KCAT"

// kcat runs librdkafka's command with a text as its input, and gives what it says.
func (c *cluster) kcat(t *testing.T, input string, args ...string) string {
	t.Helper()
	program := os.Getenv(envKcat)
	if program == "" {
		var err error
		if program, err = exec.LookPath("kcat"); err != nil {
			t.Skipf("this test runs kcat, and there is none: install it (Debian's package is called kcat), or name it in %s", envKcat)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{"-b", strings.Join(c.addrs, ",")}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("kcat %q: %v: %s", args, err, errs.String())
	}
	return out.String()
}

// What librdkafka writes arrives, whatever it is compressed with, with headers and without keys, idempotent or not; and
// it reads letters.
func TestKcatIsANeighbour(t *testing.T) {
	c := clusterOf(t, 1)
	s := newStand(t, c, plan{partitions: 2, settings: quick()})
	s.sim.misbehave(t, &imsim.Faults{}) // it refuses nothing
	team := newCrew(t, s, 1, false)
	var want []string
	for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		var input strings.Builder
		for n := range 20 {
			id := fmt.Sprintf("%s-%02d", codec, n)
			want = append(want, id)
			fmt.Fprintf(&input, "{\"roomid\":77,\"fromAccid\":\"ann\",\"msgId\":%q,\"msgType\":0,\"attach\":\"%s\"}\n", id, strings.Repeat("good evening ", 20))
		}
		idempotent := fmt.Sprint("enable.idempotence=", i%2 == 0)
		c.kcat(t, input.String(), "-P", "-t", s.topic, "-z", codec, "-H", "codec="+codec, "-X", idempotent)
	}
	c.kcat(t, "4711\tno JSON at all\n", "-P", "-t", s.topic, "-H", "from=kcat", "-K", "\t")
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
	letter := c.kcat(t, "", "-C", "-t", s.letterTopic(), "-o", "beginning", "-e", "-q", "-f", `%h\t%k\t%s\n`)
	for _, part := range []string{"from=kcat", "roomrelay.reason=invalid", "__dlq.errors.topic=" + s.topic, "\t4711\tno JSON at all\n"} {
		if !strings.Contains(letter, part) {
			t.Errorf("kcat shows a letter without %q: %s", part, letter)
		}
	}
	if strings.Count(letter, "\n") != 1 {
		t.Errorf("kcat shows more than one letter: %s", letter)
	}
	team.stopAll(t)
}

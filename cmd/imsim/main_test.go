package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestItServesUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"--addr", "127.0.0.1:0"}, in, io.Discard) }()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !found {
		t.Fatalf("said %q", line)
	}
	answer, err := http.Get(address + "/sim/stats")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	stop()
	last, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(last, `{"calls":0,`) {
		t.Errorf("last words %q %v", last, err)
	}
	if code := <-ended; code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestWhatIsWrongIsSaidWithTheFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	faults := filepath.Join(t.TempDir(), "faults.json")
	if err := os.WriteFile(faults, []byte(`{"rules":[{"do":"explode"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--rates", "1"}, 2, "-rates"},
		{[]string{"--rate", "x"}, 2, "-rate"},
		{[]string{"--rate", "-1"}, 2, "--rate -1: take 0"},
		{[]string{"--latency", "fast"}, 2, "-latency"},
		{[]string{"--keep", "some"}, 2, `--keep "some": take all, ids or none`},
		{[]string{"--faults", faults}, 2, `rule 1: do: "explode" is unknown`},
		{[]string{"--faults", faults + "x"}, 2, "no such file"},
		{[]string{"serve"}, 2, `"serve": there are only flags`},
		{[]string{"--addr", taken.Addr().String()}, 1, "address already in use"},
		{[]string{"--help"}, 0, "--rate 100 --latency"},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), c.args, io.Discard, &stderr); code != c.code || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: exit %d, %s, want %d, %q", c.args, code, stderr.String(), c.code, c.says)
		}
	}
}

func TestEveryFlagArrives(t *testing.T) {
	faults := filepath.Join(t.TempDir(), "faults.json")
	if err := os.WriteFile(faults, []byte(`{"rules":[{"do":"reset"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := parse([]string{
		"--addr", "a:1", "--app-key", "k", "--app-secret", "s", "--rate", "7", "--latency", "10ms-20ms",
		"--faults", faults, "--seed", "9", "--forgetful", "--keep", "ids",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	c := s.config
	if s.addr != "a:1" || c.AppKey != "k" || c.AppSecret != "s" || c.Rate != 7 || c.Latency.Max == 0 || len(c.Faults.Rules) != 1 || c.Seed != 9 || !c.Forgetful || c.Keep != 1 {
		t.Errorf("%+v", s)
	}
}

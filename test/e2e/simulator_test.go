//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomrelay/internal/imsim"
)

// simulator is the API. It shows a message again that comes again without resendFlag, and keeps what
// rooms were shown.
type simulator struct {
	*process
	url  string
	seed uint64
}

// What the workers sign with.
const (
	appKey    = "e2e-key"
	appSecret = "e2e-secret"
)

var listening = regexp.MustCompile(`listening on (http://\S+)`)

// startSimulator starts the program with further flags.
func startSimulator(t testing.TB, seed uint64, flags ...string) *simulator {
	t.Helper()
	args := append([]string{
		"--addr", "127.0.0.1:0", "--app-key", appKey, "--app-secret", appSecret, "--forgetful", "--keep", "ids",
		"--seed", strconv.FormatUint(seed, 10),
	}, flags...)
	name := fmt.Sprintf("%s-imsim-%d", strings.ReplaceAll(t.Name(), "/", "-"), started.Add(1))
	s := &simulator{process: startProcess(t, name, nil, program("imsim"), args...), seed: seed}
	poll(t, 10*time.Second, "the simulator listens", func() (bool, string) {
		if err := s.ended(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(s.out)
		if err != nil {
			return false, err.Error()
		}
		found := listening.FindSubmatch(text)
		if found == nil {
			return false, string(text)
		}
		s.url = string(found[1])
		return true, ""
	})
	return s
}

// call asks the simulator; body nil: nothing is sent.
func (s *simulator) call(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	var in io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, in)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return answer.Body, nil
}

// misbehave sets its faults.
func (s *simulator) misbehave(t testing.TB, f *imsim.Faults) {
	t.Helper()
	body, err := s.call(t.Context(), http.MethodPut, "/sim/faults", f)
	if err != nil {
		t.Fatalf("setting faults: %v", err)
	}
	body.Close()
}

// stats are its numbers.
func (s *simulator) stats(t testing.TB) (n imsim.Stats) {
	t.Helper()
	body, err := s.call(t.Context(), http.MethodGet, "/sim/stats", nil)
	if err != nil {
		t.Fatalf("asking for the simulator's numbers: %v", err)
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&n); err != nil {
		t.Fatalf("reading the simulator's numbers: %v", err)
	}
	return n
}

// shown is what rooms were shown, in order.
func (s *simulator) shown(t testing.TB) (all []imsim.Shown) {
	t.Helper()
	body, err := s.call(t.Context(), http.MethodGet, "/sim/messages", nil)
	if err != nil {
		t.Fatalf("asking for what rooms were shown: %v", err)
	}
	defer body.Close()
	for in := json.NewDecoder(body); ; {
		var m imsim.Shown
		switch err := in.Decode(&m); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("reading what rooms were shown: %v", err)
		}
		all = append(all, m)
	}
}

// forget forgets messages and numbers.
func (s *simulator) forget(t testing.TB) {
	t.Helper()
	body, err := s.call(t.Context(), http.MethodPost, "/sim/reset", nil)
	if err != nil {
		t.Fatalf("resetting the simulator: %v", err)
	}
	body.Close()
}

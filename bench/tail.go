package main

import (
	"bytes"
	"encoding/json"
	"sync"
)

// tail keeps the first lines that a process says, for what it tells at its start, and the last ones, for what it
// tells at its end.
type tail struct {
	mu    sync.Mutex // of the fields below
	first []byte
	last  []byte
}

const (
	keepFirst = 16 << 10
	keepLast  = 4 << 10
)

// Write keeps what is within the bounds. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := keepFirst - len(t.first); room > 0 {
		t.first = append(t.first, p[:min(room, len(p))]...)
	}
	t.last = append(t.last, p...)
	if len(t.last) > keepLast {
		t.last = bytes.Clone(t.last[len(t.last)-keepLast/2:])
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.last))
}

// logged is a field of the first line of a JSON log with that message; "": there is none yet.
func (t *tail) logged(message, field string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(t.first) {
		fields := map[string]any{}
		if json.Unmarshal(line, &fields) == nil && fields["message"] == message {
			text, _ := fields[field].(string)
			return text
		}
	}
	return ""
}

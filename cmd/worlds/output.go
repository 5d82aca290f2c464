package main

import (
	"strings"
	"sync"
)

// output keeps the end of what a process writes.
type output struct {
	mu   sync.Mutex // guards kept
	kept []byte
}

const (
	mostKept  = 1 << 20 // bytes: the dump of a few thousand goroutines
	mostLines = 200     // of it that are shown
)

// Write never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, p...)
	if extra := len(o.kept) - mostKept; extra > 0 {
		o.kept = append(o.kept[:0], o.kept[extra:]...)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.kept)
}

const raceBegins = "WARNING: DATA RACE"

// deaths are how the last words of a Go process begin.
var deaths = []string{raceBegins, "SIGQUIT: quit", "panic: ", "fatal error: "}

// death is the line that says what the process died of; "" if there is none.
func death(text string) string {
	for line := range strings.Lines(text) {
		for _, d := range deaths {
			if strings.HasPrefix(line, d) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

// excerpt is what is worth reading of an output: from the line that says what the process died of, or else
// its end. The goroutines that follow such a line are many, and the first of them is the one that died.
func excerpt(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if cause := death(text); cause != "" {
		for strings.TrimSpace(lines[0]) != cause {
			lines = lines[1:]
		}
		return strings.Join(lines[:min(len(lines), mostLines)], "\n")
	}
	return strings.Join(lines[max(len(lines)-mostLines, 0):], "\n")
}

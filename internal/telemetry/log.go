// Package telemetry is what an operator sees of a worker: its log, its metrics, and the admin server's
// /livez, /readyz and /metrics.
//
// It promises that metrics' labels come from fixed sets (and the topic's partitions), so that no input can
// make them many; and that a metric that counts something is there, with 0, before anything happened.
//
// It doesn't decide whether the worker is ready, and knows none of the stages.
package telemetry

import (
	"io"
	"os"

	"github.com/rs/zerolog"
	"golang.org/x/term"
)

// NewLog makes a logger of a level (debug, info, warn, error) and a format: json, or console for people.
// Colours appear on a terminal only, and not if NO_COLOR is set (https://no-color.org).
func NewLog(w io.Writer, level, format string) (zerolog.Logger, error) {
	l, err := zerolog.ParseLevel(level)
	if err != nil {
		return zerolog.Nop(), err
	}
	if format == "console" {
		w = zerolog.ConsoleWriter{Out: w, NoColor: os.Getenv("NO_COLOR") != "" || !isTerminal(w), TimeFormat: "15:04:05.000"}
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger(), nil
}

// Milliseconds, since windows and calls are of that size. The format is the library's one for all loggers.
func init() { zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00" }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

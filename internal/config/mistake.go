package config

import (
	"fmt"
	"strings"
)

// Mistake is one thing that is wrong with a setting.
type Mistake struct {
	Name    string // of the setting, or what stands in its place
	Source  string // flag, variable, file with line, or default; "" if nothing was given
	Got     string // as given; "" if nothing was, or it is a secret
	Problem string // what it takes instead
}

func (m Mistake) Error() string {
	s := m.Name
	if m.Got != "" {
		s += fmt.Sprintf(" %q", m.Got)
	}
	if m.Source != "" {
		s += " (" + m.Source + ")"
	}
	return s + ": " + m.Problem
}

// Mistakes is all that is wrong, in the order of the table.
type Mistakes []Mistake

// Error tells each on a line of its own.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i := range m {
		lines[i] = m[i].Error()
	}
	return strings.Join(lines, "\n")
}

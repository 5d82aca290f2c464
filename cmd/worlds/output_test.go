package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestAnExcerptBeginsWithWhatTheProcessDiedOf(t *testing.T) {
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintln(&many, "line", i)
	}
	for _, c := range []struct{ text, first, last, cause string }{
		{"well\npanic: no\n\ngoroutine 1\n" + many.String(), "panic: no", "line 196", "panic: no"},
		{many.String() + "fatal error: all asleep\n", "fatal error: all asleep", "fatal error: all asleep", "fatal error: all asleep"},
		{many.String(), "line 800", "line 999", ""},
		{"", "", "", ""},
	} {
		lines := strings.Split(excerpt(c.text), "\n")
		if lines[0] != c.first || lines[len(lines)-1] != c.last || len(lines) > mostLines || death(c.text) != c.cause {
			t.Errorf("%d lines from %q to %q, cause %q; want %+v", len(lines), lines[0], lines[len(lines)-1], death(c.text), c)
		}
	}
}

func TestAnOutputKeepsItsEnd(t *testing.T) {
	var o output
	for i := range mostKept/1000 + 5 {
		fmt.Fprintf(&o, "%999d\n", i)
	}
	if text := o.String(); len(text) != mostKept || !strings.HasSuffix(text, fmt.Sprintf("%d\n", mostKept/1000+4)) {
		t.Errorf("%d bytes", len(text))
	}
}

func TestTheCoverageIsByGroupsAndNames(t *testing.T) {
	c := newTally()
	c.add(report{Seen: map[string]int{"state: b": 2, "deed: z": 1, "alone": 1}})
	c.add(report{Seen: map[string]int{"state: b": 5, "state: a longer name": 1, "deed: never": 0}})
	c.add(report{Seen: map[string]int{"state: b": 5}, cut: true})
	var out strings.Builder
	c.writeCoverage(&out)
	const want = `seen               worlds     times
deed
  z                     1         1
other
  alone                 1         1
state
  a longer name         1         1
  b                     2         7
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

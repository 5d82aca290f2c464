package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// table is rows under heads. On a terminal its last column gives way, elsewhere nothing is cut.
type table struct {
	heads []string
	right []bool // columns of numbers
	rows  [][]string
}

func newTable(heads ...string) *table {
	t := &table{right: make([]bool, len(heads))}
	for i, h := range heads {
		name, number := strings.CutPrefix(h, "#")
		t.heads = append(t.heads, name)
		t.right[i] = number
	}
	return t
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// narrowest is how far the last column may be cut before the whole line is.
const narrowest = 12

func (t *table) write(out io.Writer) {
	widths := make([]int, len(t.heads))
	for _, r := range append([][]string{t.heads}, t.rows...) {
		for i, c := range r {
			widths[i] = max(widths[i], uniseg.StringWidth(c))
		}
	}
	screen := columns(out)
	for _, r := range append([][]string{t.heads}, t.rows...) {
		line := t.line(r, widths, screen)
		if screen > 0 {
			line = cut(line, screen)
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

func (t *table) line(cells []string, widths []int, screen int) string {
	var b strings.Builder
	used := 0
	for i, c := range cells {
		if last := i == len(cells)-1; last {
			if screen > 0 {
				c = cut(c, max(screen-used, narrowest))
			}
			if t.right[i] {
				c = padLeft(c, widths[i])
			}
			b.WriteString(c)
			break
		}
		if t.right[i] {
			c = padLeft(c, widths[i])
		}
		b.WriteString(pad(c, widths[i]) + "  ")
		used += widths[i] + 2
	}
	return b.String()
}

// columns of the terminal behind w; 0: it is none, and nothing needs to fit.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

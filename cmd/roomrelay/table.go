package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// table is rows under heads. On a terminal that is too narrow columns go, and its last column gives way; elsewhere
// nothing is cut.
type table struct {
	heads []string
	right []bool // columns of numbers
	rows  [][]string
	spare []string // heads of columns that may go, the first one first
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

// narrowest is how far the last column may be cut before others go, or the whole line is cut.
const narrowest = 20

func (t *table) write(out io.Writer) { t.fit(out, columns(out)) }

// fit writes the table for a screen of so many columns; 0: it needs to fit none.
func (t *table) fit(out io.Writer, screen int) {
	widths := t.widths()
	for screen > 0 && len(t.spare) > 0 && total(widths[:len(widths)-1])+narrowest > screen {
		t.without(t.spare[0])
		t.spare = t.spare[1:]
		widths = t.widths()
	}
	for _, r := range append([][]string{t.heads}, t.rows...) {
		line := t.line(r, widths, screen)
		if screen > 0 {
			line = cut(line, screen)
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

func total(widths []int) (n int) {
	for _, w := range widths {
		n += w + 2
	}
	return n
}

// without takes a column away.
func (t *table) without(head string) {
	i := slices.Index(t.heads, head)
	if i < 0 {
		return
	}
	t.heads = slices.Delete(t.heads, i, i+1)
	t.right = slices.Delete(t.right, i, i+1)
	for n := range t.rows {
		t.rows[n] = slices.Delete(t.rows[n], i, i+1)
	}
}

func (t *table) widths() []int {
	widths := make([]int, len(t.heads))
	for _, r := range append([][]string{t.heads}, t.rows...) {
		for i, c := range r {
			widths[i] = max(widths[i], uniseg.StringWidth(c))
		}
	}
	return widths
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

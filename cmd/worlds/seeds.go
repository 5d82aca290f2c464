package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// keptSeed is a seed that once found something.
type keptSeed struct {
	seed  uint64
	found string
}

// readSeeds reads a file with a seed a line, and what it once found after a #.
func readSeeds(path string) ([]keptSeed, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading seeds: %w", err)
	}
	var all []keptSeed
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		number, found, _ := strings.Cut(line, "#")
		if number = strings.TrimSpace(number); number == "" {
			continue
		}
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %q is no seed", path, n, number)
		}
		all = append(all, keptSeed{seed, strings.TrimSpace(found)})
	}
	return all, nil
}

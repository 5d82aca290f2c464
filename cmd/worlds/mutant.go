package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is a defect that can be planted: changes of the module's files.
type mutant struct {
	name  string
	why   string // which rule it breaks
	edits []edit
}

// edit puts new text in the place of the only occurrence of the old.
type edit struct {
	file     string // within the module
	old, new string
}

const mutantSuffix = ".mutant"

// mutantFiles are the mutants of a directory, by name.
func mutantFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for mutants: %w", err)
	}
	var all []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == mutantSuffix {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("looking for mutants: there is none in %s", dir)
	}
	slices.Sort(all)
	return all, nil
}

func mutantName(path string) string { return strings.TrimSuffix(filepath.Base(path), mutantSuffix) }

func readMutant(path string) (mutant, error) {
	m := mutant{name: mutantName(path)}
	text, err := os.ReadFile(path)
	if err == nil {
		err = m.parse(string(text))
	}
	if err != nil {
		return m, fmt.Errorf("mutant %s: %w", m.name, err)
	}
	return m, nil
}

// The lines around the texts of an edit.
const (
	oldBegins = "<<<<"
	newBegins = "===="
	editEnds  = ">>>>"
)

// parse reads comments, and then blocks: the file, the old text, the new one.
func (m *mutant) parse(text string) error {
	var why, part []string
	var e edit
	at := "" // the line that began the part at hand; "": between blocks
	for i, line := range strings.Split(text, "\n") {
		wrong := func(what string) error { return fmt.Errorf("line %d: %s", i+1, what) }
		switch {
		case at == "" && strings.HasPrefix(line, "#"):
			why = append(why, strings.TrimSpace(line[1:]))
		case at == "" && strings.HasPrefix(line, "file: "):
			e.file = strings.TrimSpace(line[len("file: "):])
		case at == "" && line == oldBegins:
			if e.file == "" {
				return wrong("a block without a file")
			}
			at = oldBegins
		case at == oldBegins && line == newBegins:
			e.old, part, at = strings.Join(part, "\n"), nil, newBegins
		case at == newBegins && line == editEnds:
			e.new = strings.Join(part, "\n")
			m.edits = append(m.edits, e)
			e, part, at = edit{}, nil, ""
		case at != "":
			part = append(part, line)
		case strings.TrimSpace(line) != "":
			return wrong(fmt.Sprintf("%q is neither a comment nor a file nor a block", line))
		}
	}
	m.why = strings.Join(why, " ")
	return m.check(at == "" && e.file == "")
}

func (m *mutant) check(whole bool) error {
	if !whole {
		return errors.New("the last block has no end")
	}
	if len(m.edits) == 0 {
		return errors.New("it changes nothing")
	}
	if m.why == "" {
		return errors.New("no comment says what it breaks")
	}
	for _, e := range m.edits {
		if !filepath.IsLocal(e.file) {
			return fmt.Errorf("%s: not a file of the module", e.file)
		}
		if e.old == "" || e.old == e.new {
			return fmt.Errorf("%s: a block changes nothing", e.file)
		}
	}
	return nil
}

// apply is the changed text of each file that the mutant changes.
func (m *mutant) apply(root string) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range m.edits {
		text, ok := changed[e.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, fmt.Errorf("mutant %s: %w", m.name, err)
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("mutant %s: %s: the old text occurs %d times, not once:\n%s", m.name, e.file, n, e.old)
		}
		changed[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return changed, nil
}

// plant writes the changed files into a directory, beside an overlay that puts them in the place of the
// module's own, and returns the overlay's path.
func (m *mutant) plant(root, dir string) (string, error) {
	changed, err := m.apply(root)
	if err != nil {
		return "", err
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	for file, text := range changed {
		place := filepath.Join(dir, fmt.Sprintf("%d-%s", len(overlay.Replace), filepath.Base(file)))
		if err := os.WriteFile(place, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("planting %s: %w", m.name, err)
		}
		overlay.Replace[filepath.Join(root, file)] = place
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", fmt.Errorf("planting %s: %w", m.name, err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("planting %s: %w", m.name, err)
	}
	return path, nil
}

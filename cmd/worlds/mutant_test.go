package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryMutantApplies holds the planted defects to the code of now: one whose old text is gone, or
// stands there twice, would no longer plant anything.
func TestEveryMutantApplies(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := moduleRoot(here)
	if err != nil {
		t.Fatal(err)
	}
	files, err := mutantFiles(filepath.Join(root, "internal", "chaos", "mutants"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		m, err := readMutant(f)
		if err == nil {
			_, err = m.apply(root)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

const goodMutant = `# Breaks I2: a commit may pass
# what isn't settled.
file: a/x.go
<<<<
	one()
	two()
====
	two()
>>>>

file: a/x.go
<<<<
	three()
====
>>>>
file: y.go
<<<<
yes
====
no

maybe
>>>>
`

func plantedTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "a", "x.go"), "\tone()\n\ttwo()\n\tthree()\n\ttwo()\n")
	write(t, filepath.Join(root, "y.go"), "yes\n")
	return root
}

func TestAMutantIsPlantedBesideTheModulesFiles(t *testing.T) {
	root, temp := plantedTree(t), t.TempDir()
	m := mutant{name: "good"}
	if err := m.parse(goodMutant); err != nil || m.why != "Breaks I2: a commit may pass what isn't settled." {
		t.Fatalf("%q %v", m.why, err)
	}
	path, err := m.plant(root, temp)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	var overlay struct{ Replace map[string]string }
	if err == nil {
		err = json.Unmarshal(text, &overlay)
	}
	if err != nil || len(overlay.Replace) != 2 {
		t.Fatalf("%s %v", text, err)
	}
	for file, want := range map[string]string{"a/x.go": "\ttwo()\n\n\ttwo()\n", "y.go": "no\n\nmaybe\n"} {
		got, err := os.ReadFile(overlay.Replace[filepath.Join(root, file)])
		if err != nil || string(got) != want {
			t.Errorf("%s: %q %v, want %q", file, got, err, want)
		}
	}
}

func TestAWrongMutantSaysWhatIsWrongWithIt(t *testing.T) {
	root := plantedTree(t)
	block := func(file, before, after string) string {
		return "# why\nfile: " + file + "\n<<<<\n" + before + "\n====\n" + after + "\n>>>>\n"
	}
	for text, says := range map[string]string{
		"": "it changes nothing",
		strings.TrimPrefix(block("y.go", "yes", "no"), "# why\n"): "no comment says what it breaks",
		"# why\n<<<<\n":                        "line 2: a block without a file",
		"# why\nfile: y.go\n<<<<\nyes\n====\n": "the last block has no end",
		"# why\nfile: y.go\n":                  "the last block has no end",
		"# why\nyes\n":                         `line 2: "yes" is neither`,
		block("/etc/passwd", "a", "b"):         "not a file of the module",
		block("y.go", "yes", "yes"):            "a block changes nothing",
		block("y.go", "", "yes"):               "a block changes nothing",
		block("y.go", "perhaps", "no"):         "mutant bad: y.go: the old text occurs 0 times, not once",
		block("a/x.go", "two()", "no"):         "mutant bad: a/x.go: the old text occurs 2 times, not once",
		block("z.go", "yes", "no"):             "z.go: no such file",
	} {
		m := mutant{name: "bad"}
		err := m.parse(text)
		if err == nil {
			_, err = m.apply(root)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

func TestMutantsAreToldInATable(t *testing.T) {
	t.Parallel()
	p, out, errs := stubProgram(t, "")
	p.root = plantedTree(t)
	for name, change := range map[string]string{"early": "6=deed 2,9=panic,3=", "dies": "9=panic", "hidden": "", "broken": "no go"} {
		write(t, filepath.Join(p.root, name+mutantSuffix), "# Breaks "+name+".\nfile: y.go\n<<<<\nyes\n====\n"+change+"\n>>>>\n")
	}
	write(t, filepath.Join(p.root, "rotten"+mutantSuffix), "# why\nfile: y.go\n<<<<\nno\n====\nyes\n>>>>\n")
	p.build = func(_ context.Context, r recipe) error {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(r.overlay), "0-y.go"))
		if err == nil && strings.Contains(string(text), "no go") {
			err = errors.New("y.go:1: undefined: no")
		}
		return errors.Join(err, os.WriteFile(r.out, text, 0o600))
	}
	p.start = func(binary string, args ...string) *exec.Cmd { // what is built is the script
		text, err := os.ReadFile(binary)
		if err != nil {
			t.Error(err)
		}
		return scripted(strings.TrimSpace(string(text)))(args...)
	}
	run := func(args ...string) outcome {
		code := p.run(t.Context(), append([]string{"mutants", "--dir=.", "--pkg=.", "--seeds=12", "--procs=2"}, args...))
		return outcome{code, out.String(), errs.String()}
	}
	hold(t, run(), exitBroken, "2 found, 3 not found\n", "undefined: no\n", "mutant rotten: y.go: the old text occurs 0 times")
	rows := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		if f := strings.Fields(line); !strings.HasPrefix(line, " ") {
			rows[f[0]] = f
		}
	}
	for name, want := range map[string]string{"mutant": "seeds rule", "early": "6 I5", "dies": "9 crash", "hidden": "NOT FOUND", "broken": "ERROR", "rotten": "ERROR"} {
		if got := strings.Join(rows[name], " "); !strings.HasPrefix(got, name+" "+want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	*out = text{}
	if got := run("dies"); got.code != exitFine || !strings.Contains(got.out, "1 found, 0 not found\n") || strings.Contains(got.out, "early") {
		t.Errorf("%+v", got)
	}
	hold(t, run("dead"), exitTrouble, "there is no mutant dead")
}

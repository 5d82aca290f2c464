package config

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Flags are the settings of one command line. They take any text: what is wrong is told by Load, with all
// other mistakes.
type Flags struct {
	use  Use
	file string
	raw  map[string]*rawFlag
}

// rawFlag collects what a flag was given.
type rawFlag struct {
	kind   string
	values []string
}

func (f *rawFlag) Set(s string) error { f.values = append(f.values, s); return nil }
func (f *rawFlag) Type() string       { return f.kind }
func (f *rawFlag) String() string     { return strings.Join(f.values, ",") }

// NewFlags adds the command's settings, and --config, to set.
func NewFlags(set *pflag.FlagSet, use Use) *Flags {
	f := &Flags{use: use, raw: map[string]*rawFlag{}}
	set.StringVar(&f.file, "config", "", "YAML `file` with settings by the same names")
	for _, part := range Defaults().table() {
		for _, x := range part.settings {
			if !x.of(use) {
				continue
			}
			raw := &rawFlag{kind: x.value.kind()}
			f.raw[x.name] = raw
			flag := set.VarPF(raw, x.name, "", x.help)
			if _, ok := x.value.(boolean); ok {
				flag.NoOptDefVal = "true"
			}
		}
	}
	return f
}

// IsSetting says whether a flag is one that NewFlags added for a setting.
func IsSetting(f *pflag.Flag) bool {
	_, ok := f.Value.(*rawFlag)
	return ok
}

// Choices are what the command's settings take that take one of a few words, by name.
func Choices(use Use) map[string][]string {
	all := map[string][]string{}
	for _, part := range Defaults().table() {
		for _, x := range part.settings {
			if v, ok := x.value.(choice); ok && x.of(use) {
				all[x.name] = v.of
			}
		}
	}
	return all
}

// Load reads every source in turn, file before variables before flags, and checks the outcome. The error
// is Mistakes; the settings are never nil, and hold what could be read even then.
func Load(f *Flags, environ []string) (*Settings, error) {
	l := &loading{Settings: Defaults(), use: f.use, wrong: map[string]bool{}}
	l.sections = l.table()
	vars := l.variables(environ)
	if file := cmp.Or(f.file, vars[prefix+"CONFIG"]); file != "" {
		l.fromFile(file)
	}
	l.fromVariables(vars)
	l.fromFlags(f)
	l.secrets()
	l.DeadLetterTopic = cmp.Or(l.DeadLetterTopic, "dlq."+l.Topic)
	l.check()
	l.warn()
	if len(l.mistakes) > 0 {
		return l.Settings, l.sorted()
	}
	return l.Settings, nil
}

// loading is one Load under way.
type loading struct {
	*Settings
	use      Use
	sections []section
	mistakes Mistakes
	wrong    map[string]bool // settings with a mistake: rules between settings pass them over
}

// set gives a setting a value from a source.
func (l *loading) set(x *setting, source string, values []string) {
	var err error
	if list, ok := x.value.(listValue); ok && len(values) != 1 {
		err = list.setAll(values)
	} else {
		for _, v := range values {
			err = x.value.set(v)
		}
	}
	if err != nil {
		l.mistaken(x, source, strings.Join(values, ","), err.Error())
		return
	}
	l.sources[x.name] = source
	delete(l.wrong, x.name) // a later source wins: what an earlier one got wrong is still told
}

func (l *loading) mistaken(x *setting, source, got, problem string) {
	if x.secret {
		got = ""
	}
	l.mistakes = append(l.mistakes, Mistake{x.name, source, got, problem})
	l.wrong[x.name] = true
}

// variables are ours among all.
func (l *loading) variables(environ []string) map[string]string {
	vars := map[string]string{}
	for _, pair := range environ {
		name, v, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, prefix) && v != "" {
			vars[name] = v
		}
	}
	return vars
}

func (l *loading) fromVariables(vars map[string]string) {
	unknown := maps.Clone(vars)
	delete(unknown, prefix+"CONFIG")
	for _, part := range l.sections {
		for i := range part.settings {
			x := &part.settings[i]
			name := variable(x.name)
			delete(unknown, name)
			if v := vars[name]; v != "" && x.of(l.use) {
				l.set(x, "variable "+name, []string{v})
			}
		}
	}
	// Not a mistake: an orchestrator sets variables that begin with a service's name.
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		if !strings.HasPrefix(name, prefix+"SERVICE_") && !strings.HasPrefix(name, prefix+"PORT") {
			l.Warnings = append(l.Warnings, fmt.Sprintf("variable %s is no setting%s", name, l.meant(strings.TrimPrefix(name, prefix), variable)))
		}
	}
}

func (l *loading) fromFlags(f *Flags) {
	for _, part := range l.sections {
		for i := range part.settings {
			x := &part.settings[i]
			raw := f.raw[x.name]
			if raw == nil || raw.values == nil {
				continue
			}
			values := raw.values
			if _, ok := x.value.(listValue); ok && len(values) > 1 {
				values = strings.Split(strings.Join(values, ","), ",")
			}
			l.set(x, "flag --"+x.name, values)
		}
	}
}

// secrets reads those that are in files.
func (l *loading) secrets() {
	for _, s := range []struct {
		name, file string
		at         *Secret
	}{
		{"app-secret", l.AppSecretFile, &l.AppSecret},
		{"sasl-password", l.SASLPasswordFile, &l.SASLPassword},
	} {
		x, fileX := lookup(l.sections, s.name), lookup(l.sections, s.name+"-file")
		switch {
		case s.file == "" || !x.of(l.use):
		case *s.at != "":
			l.mistaken(x, l.Source(x.name), "", fmt.Sprintf("is given, and so is %s (%s): take one of them", fileX.name, l.Source(fileX.name)))
		default:
			b, err := os.ReadFile(s.file)
			if err != nil {
				l.mistaken(fileX, l.Source(fileX.name), s.file, "takes a file that can be read: "+err.Error())
				continue
			}
			if *s.at, err = parseSecret([][]byte{b}); err != nil {
				l.mistaken(fileX, l.Source(fileX.name), s.file, err.Error())
				continue
			}
			l.sources[x.name] = "file " + s.file
		}
	}
}

// Source says where a setting's value came from: flag, variable, file with line, or "default".
func (s *Settings) Source(name string) string { return cmp.Or(s.sources[name], "default") }

// sorted is the mistakes in the order of the table; what is no setting comes first.
func (l *loading) sorted() Mistakes {
	order := map[string]int{}
	for _, part := range l.sections {
		for _, x := range part.settings {
			order[x.name] = len(order) + 1
		}
	}
	slices.SortStableFunc(l.mistakes, func(a, b Mistake) int { return cmp.Compare(order[a.Name], order[b.Name]) })
	return l.mistakes
}

// meant suggests the setting whose name is nearest to what was written, as spell writes it.
func (l *loading) meant(written string, spell func(string) string) string {
	best, least := "", 4
	plain := strings.ToLower(strings.ReplaceAll(written, "_", "-"))
	for _, part := range l.sections {
		for _, x := range part.settings {
			if d := distance(plain, x.name); d < least {
				best, least = x.name, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; is " + spell(best) + " meant?"
}

// distance is how many letters must be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

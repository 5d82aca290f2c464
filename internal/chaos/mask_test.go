package chaos

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"roomrelay/internal/imsim"
)

// numbered is a plan of three workers, six bursts, three rules and four deeds, each known by its place.
func numbered() *Plan {
	p := &Plan{Setting: Setting{Workers: 3}}
	for i := range 6 {
		p.Bursts = append(p.Bursts, Burst{{At: time.Duration(i)}, {At: time.Duration(i)}})
	}
	for i := range 3 {
		p.Rules = append(p.Rules, imsim.Rule{Name: fmt.Sprint(i)})
	}
	for i := range 4 {
		p.Deeds = append(p.Deeds, Deed{Number: i})
	}
	return p
}

func TestAMaskKeepsWhatItNamesAndWhatItDoesNot(t *testing.T) {
	for _, x := range []struct {
		mask, bursts, rules, deeds string
		workers                    int
	}{
		{"", "012345", "012", "0123", 3},
		{"workers=1;bursts=0,3-5;rules=;deeds=2", "0345", "", "2", 1},
		// As those who cut plans down write them.
		{"workers=1;bursts=;rules=;deeds=", "", "", "", 1},
		{"workers=2;bursts=1-2,5;rules=1;deeds=1,3", "125", "1", "13", 2},
		{"bursts=4-5;deeds=", "45", "012", "", 3},
		{"deeds=0-3", "012345", "012", "0123", 3},
		{"rules=0,2", "012345", "02", "0123", 3},
		// A plan of another day may have had more.
		{"workers=9;bursts=4-99;rules=7;deeds=0-1,65000", "45", "", "01", 3},
		// In any order, more than once, and with nothing between.
		{"deeds=3,0,3;;bursts=2-2,;", "2", "012", "03", 3},
		{"deeds=1-3;deeds=0", "012345", "012", "1", 3},
	} {
		p := numbered()
		if err := p.Keep(x.mask); err != nil {
			t.Errorf("%q: %v", x.mask, err)
		}
		var bursts, rules, deeds string
		for _, b := range p.Bursts {
			bursts += fmt.Sprint(int(b[0].At))
			if len(b) != 2 {
				t.Errorf("%q: a burst of %d", x.mask, len(b))
			}
		}
		for _, r := range p.Rules {
			rules += r.Name
		}
		for _, d := range p.Deeds {
			deeds += fmt.Sprint(d.Number)
		}
		if bursts != x.bursts || rules != x.rules || deeds != x.deeds || p.Setting.Workers != x.workers {
			t.Errorf("%q keeps %d workers, bursts %s, rules %s, deeds %s; want %+v", x.mask, p.Setting.Workers, bursts, rules, deeds, x)
		}
	}
}

func TestAMaskThatCannotBeMeantIsAnError(t *testing.T) {
	for mask, names := range map[string]string{
		"bursts":                `"bursts"`,
		"deeds=1;5":             `"5"`,
		"workers=":              `""`,
		"workers=0":             `"0"`,
		"workers=-1":            `"-1"`,
		"workers=two":           `"two"`,
		"workers=1-2":           `"1-2"`,
		"deeds=a":               `"a"`,
		"deeds=1,b":             `"b"`,
		"deeds=-1":              `"-1"`,
		"deeds=1-":              `"1-"`,
		"deeds=3-1":             `"3-1"`,
		"deeds=1-2-3":           `"1-2-3"`,
		"deeds=1 ,2":            `"1 "`,
		"rules=0-1000000000000": `"0-1000000000000"`, // it would take all memory
		"rooms=1":               `"rooms"`,
		"Deeds=1":               `"Deeds"`,
		"bursts=0;workers=x":    `"x"`,
	} {
		err := numbered().Keep(mask)
		if err == nil {
			t.Errorf("%q is none", mask)
		} else if s := err.Error(); !strings.Contains(s, fmt.Sprintf("%q", mask)) || !strings.Contains(s, names) {
			t.Errorf("%q: %v; it doesn't name %s", mask, err, names)
		}
	}
}

func TestThePlacesOfAMaskAreThoseOfTheSizes(t *testing.T) {
	p := numbered()
	if got, want := p.Sizes(), map[string]int{"workers": 3, "bursts": 6, "rules": 3, "deeds": 4}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for name := range p.Sizes() {
		if err := numbered().Keep(name + "=1"); err != nil {
			t.Errorf("%s can't be cut down: %v", name, err)
		}
	}
	if err := p.Keep("workers=2;bursts=0,3-5;rules=;deeds=2"); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Sizes(), map[string]int{"workers": 2, "bursts": 4, "rules": 0, "deeds": 1}; !maps.Equal(got, want) {
		t.Errorf("cut down: %v, want %v", got, want)
	}
}

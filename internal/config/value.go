package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is one setting's place in Settings, as text. The error of set says what the setting takes.
type value interface {
	set(string) error
	String() string // as set takes it; secrets masked
	kind() string   // one word, for help
}

type textValue struct {
	at    *string
	check func(string) error // nil: any text
}

func (v textValue) set(s string) error {
	if v.check != nil {
		if err := v.check(s); err != nil {
			return err
		}
	}
	*v.at = s
	return nil
}
func (v textValue) String() string { return *v.at }
func (v textValue) kind() string   { return "text" }

type secretValue struct{ at *Secret }

func (v secretValue) set(s string) error { *v.at = Secret(s); return nil }
func (v secretValue) String() string     { return v.at.String() }
func (v secretValue) kind() string       { return "text" }

// optional is text that "none" or "off" empties.
type optional struct {
	textValue
	off string
}

func (v optional) set(s string) error {
	if s == v.off {
		*v.at = ""
		return nil
	}
	return v.textValue.set(s)
}

func (v optional) String() string {
	if *v.at == "" {
		return v.off
	}
	return *v.at
}

type choice struct {
	at *string
	of []string
}

func (v choice) set(s string) error {
	if !slices.Contains(v.of, s) {
		return errors.New("takes " + alternatives(v.of))
	}
	*v.at = s
	return nil
}
func (v choice) String() string { return *v.at }
func (v choice) kind() string   { return strings.Join(v.of, "|") }

func alternatives(of []string) string {
	last := len(of) - 1
	return strings.Join(of[:last], ", ") + " or " + of[last]
}

// listValue is texts, separated by commas in one text. The file may hold a list, whose texts may have commas.
type listValue struct {
	at    *[]string
	check func(string) error
}

func (v listValue) set(s string) error {
	var all []string
	for part := range strings.SplitSeq(s, ",") {
		all = append(all, strings.TrimSpace(part))
	}
	return v.setAll(all)
}

func (v listValue) setAll(all []string) error {
	for _, s := range all {
		if s == "" {
			return errors.New("takes no empty text in the list")
		}
		if v.check != nil {
			if err := v.check(s); err != nil {
				return err
			}
		}
	}
	*v.at = all
	return nil
}
func (v listValue) String() string { return strings.Join(*v.at, ",") }
func (v listValue) kind() string   { return "list" }

type duration struct {
	at       *time.Duration
	min, max time.Duration
}

func (v duration) set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < v.min || d > v.max {
		return fmt.Errorf("takes a duration from %s to %s, such as %s", short(v.min), short(v.max), short(*v.at))
	}
	*v.at = d
	return nil
}
func (v duration) String() string { return short(*v.at) }
func (v duration) kind() string   { return "duration" }

// short is a duration without the zeros that String ends in: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

type integer struct {
	at       *int
	min, max int
}

func (v integer) set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < v.min || n > v.max {
		return fmt.Errorf("takes a whole number from %d to %d", v.min, v.max)
	}
	*v.at = n
	return nil
}
func (v integer) String() string { return strconv.Itoa(*v.at) }
func (v integer) kind() string   { return "number" }

type decimal struct {
	at  *float64
	max float64
}

func (v decimal) set(s string) error {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > v.max {
		return fmt.Errorf("takes a number from 0 (no limit) to %g", v.max)
	}
	*v.at = n
	return nil
}
func (v decimal) String() string { return strconv.FormatFloat(*v.at, 'f', -1, 64) }
func (v decimal) kind() string   { return "number" }

type boolean struct{ at *bool }

func (v boolean) set(s string) error {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("takes true or false")
	}
	*v.at = b
	return nil
}
func (v boolean) String() string { return strconv.FormatBool(*v.at) }
func (v boolean) kind() string   { return "" }

type size struct {
	at       *int
	min, max int
}

var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}

func (v size) set(s string) error {
	number, unit := s, 1
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > v.max/unit || n*unit < v.min {
		return fmt.Errorf("takes a size from %s to %s, such as %s or %s", sizeText(v.min), sizeText(v.max), sizeText(*v.at), "500kB")
	}
	*v.at = n * unit
	return nil
}
func (v size) String() string { return sizeText(*v.at) }
func (v size) kind() string   { return "size" }

func sizeText(n int) string {
	for _, u := range units[:3] {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.Itoa(n/u.bytes) + u.name
		}
	}
	return strconv.Itoa(n) + "B"
}

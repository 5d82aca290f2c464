package config

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestWhatIsPrintedCanBeReadBack(t *testing.T) {
	args := []string{
		"--window=30ms", "--client-id=yes", "--instance-id=a: b # c", "--duplicate-reasons=already, there", "--tls", "--max-buffered-bytes=1000000B",
		"--admin-addr=off", "--rate=12.5", "--api-endpoint=https://a,https://b", "--group=" + strings.Repeat("long group ", 20),
	}
	first, err := load(t, Worker, args, given...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	first.Print(&out)
	again, err := load(t, Worker, []string{"--config", file(t, out.String())}, "ROOMRELAY_APP_SECRET=hush-hush")
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	first.sources, again.sources = nil, nil
	if !reflect.DeepEqual(first, again) {
		t.Errorf("\n%+v\n%+v\n%s", first, again, out.String())
	}
	if !strings.Contains(out.String(), "window: 30ms  # flag --window\n") || !strings.Contains(out.String(), "# app-secret: set  # variable ROOMRELAY_APP_SECRET\n") ||
		!strings.Contains(out.String(), "lease: 15s  # default\n") {
		t.Error(out.String())
	}
}

func TestEveryFieldIsASettingAndEachIsDocumented(t *testing.T) {
	s := Defaults()
	bound := map[uintptr]string{}
	for _, part := range s.table() {
		for _, x := range part.settings {
			v := reflect.ValueOf(x.value)
			for v.Kind() == reflect.Struct && v.Type().Field(0).Name != "at" {
				v = v.Field(0)
			}
			bound[v.Field(0).Pointer()] = x.name
			if x.help == "" || strings.HasSuffix(x.help, ".") || strings.Contains(x.help, "|") {
				t.Errorf("%s: help %q", x.name, x.help)
			}
			if d := x.value.String(); d != "" && !x.secret && x.value.set(d) != nil {
				t.Errorf("%s doesn't take its own default %s", x.name, d)
			}
		}
	}
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && f.Name != "Warnings" && bound[v.Field(i).Addr().Pointer()] == "" {
			t.Errorf("field %s is no setting", f.Name)
		}
	}
}

func TestTheReadmeHasTheCurrentTable(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Update(string(b))
	if err != nil {
		t.Fatalf("README.md: %v", err)
	}
	if want != string(b) {
		t.Error("README.md is behind: go run ./cmd/roomrelay config --markdown=README.md")
	}
}

func TestTheTableGoesBetweenTheMarkersAndNowhereElse(t *testing.T) {
	got, err := Update("before\n<!-- settings -->\nSTALE\n<!-- /settings -->\nafter\n")
	if err != nil || !strings.HasPrefix(got, "before\n<!-- settings -->\nEach name") || !strings.HasSuffix(got, "|\n<!-- /settings -->\nafter\n") || strings.Contains(got, "STALE") {
		t.Errorf("%v\n%s", err, got)
	}
	if again, _ := Update(got); again != got {
		t.Error("a second time changes something")
	}
	for _, bad := range []string{"", "<!-- settings -->\n", "<!-- /settings -->"} {
		if _, err := Update(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestHelpFitsANarrowTerminal(t *testing.T) {
	for _, width := range []int{50, 100} {
		var out bytes.Buffer
		Usage(&out, Worker, width)
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width && !strings.HasPrefix(line, "  --") {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
	}
	var out bytes.Buffer
	Usage(&out, Producer, 80)
	if s := out.String(); !strings.Contains(s, "--brokers list") || strings.Contains(s, "--lease") || !strings.Contains(s, "(required)") {
		t.Error(s)
	}
}

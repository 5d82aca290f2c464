package telemetry

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

func TestAlertsAreOfMetricsThatThereAreAndNameARunbook(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "deploy/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations struct{ Summary, Runbook string }
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	letters := NewLetters("v1", nil)
	letters.Read(&LettersSample{Read: time.Now(), Oldest: time.Now(), TakenFrom: time.Now()})
	served := map[string]bool{}
	for _, m := range []Scraped{NewMetrics(Config{Sample: func() Sample { return Sample{Partitions: make([]PartitionSample, 1)} }}), letters} {
		all, err := m.scraped().Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			served[x.GetName()] = true
		}
	}
	name := regexp.MustCompile(`\broomrelay_\w+`)
	n := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			n++
			metrics := name.FindAllString(r.Expr, -1)
			if len(metrics) == 0 || r.Annotations.Summary == "" {
				t.Errorf("%s: %q", r.Alert, r.Expr)
			}
			for _, m := range metrics {
				if !served[m] {
					t.Errorf("%s: nothing serves %s", r.Alert, m)
				}
			}
			if _, err := os.Stat(filepath.Join(root, r.Annotations.Runbook)); r.Annotations.Runbook == "" || err != nil {
				t.Errorf("%s: runbook %q: %v", r.Alert, r.Annotations.Runbook, err)
			}
		}
	}
	if n == 0 {
		t.Error("no alerts")
	}
}

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Who docs/security.md gives permissions to, by the names that its commands have.
const (
	forWorker   = "W"
	forReader   = "A"
	forReplayer = "B" // besides those of the reader
)

// permission is one that the page names.
type permission struct{ operation, kind, name string }

// documented are the permissions that the page gives to somebody.
func documented(t testing.TB, who string) (all []permission) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatalf("reading the page: %v", err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\$`+who+` --operation (\w+) --(topic|group) (\S+)`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, permission{m[1], m[2], m[3]})
	}
	if len(all) == 0 {
		t.Fatalf("the page names no permission for %s", who)
	}
	return all
}

// grant gives permissions to a user, for the stand's topics and group instead of those that the page calls by a name.
func (f *fortress) grant(t testing.TB, s *stand, user string, all ...permission) {
	t.Helper()
	names := map[string]string{"chat": s.topic, "dlq.chat": s.letterTopic(), "roomrelay": s.group}
	for _, p := range all {
		op, err := kmsg.ParseACLOperation(p.operation)
		if err != nil || names[p.name] == "" {
			t.Fatalf("permission %v: %v", p, err)
		}
		acl := kadm.NewACLs().ResourcePatternType(kadm.ACLPatternLiteral).Operations(op).
			Allow("User:"+user, "User:CN="+user).AllowHosts()
		if p.kind == "topic" {
			acl = acl.Topics(names[p.name])
		} else {
			acl = acl.Groups(names[p.name])
		}
		got, err := f.admin.CreateACLs(t.Context(), acl)
		if err != nil {
			t.Fatalf("granting %v: %v", p, err)
		}
		for _, x := range got {
			if x.Err != nil {
				t.Fatalf("granting %v: %v", p, x.Err)
			}
		}
		// The controller has it; the broker a moment later.
		poll(t, 10*time.Second, fmt.Sprintf("%v holds", p), func() (bool, string) {
			got, err := f.admin.DescribeACLs(t.Context(), acl)
			if err != nil {
				return false, err.Error()
			}
			return !slices.ContainsFunc(got, func(x kadm.DescribeACLsResult) bool { return x.Err != nil || len(x.Described) == 0 }), "not yet"
		})
	}
}

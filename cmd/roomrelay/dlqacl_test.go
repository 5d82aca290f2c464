package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/cluster"
)

// documented are the permissions that the page gives to the worker (W), to who reads letters (A) and, besides, to who
// replays them (B), and to producers (P).
func documented(t *testing.T) map[string][]kfake.ACL {
	t.Helper()
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]kmsg.ACLOperation{
		"Read": kmsg.ACLOperationRead, "Write": kmsg.ACLOperationWrite, "Describe": kmsg.ACLOperationDescribe, "DescribeConfigs": kmsg.ACLOperationDescribeConfigs,
	}
	resources := map[string]kmsg.ACLResourceType{"topic": kmsg.ACLResourceTypeTopic, "group": kmsg.ACLResourceTypeGroup}
	found := map[string][]kfake.ACL{}
	for _, m := range regexp.MustCompile(`(?m)^\$([WABP]) --operation (\w+) --(topic|group) (\S+)`).FindAllStringSubmatch(string(text), -1) {
		op, ok := operations[m[2]]
		if !ok {
			t.Fatalf("operation %s", m[2])
		}
		found[m[1]] = append(found[m[1]], kfake.ACL{Resource: resources[m[3]], Name: m[4], Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true})
	}
	if len(found["W"]) < 3 || len(found["A"]) < 3 || len(found["B"]) < 2 || len(found["P"]) != 1 {
		t.Fatalf("found %v", found)
	}
	return found
}

func TestTheDocumentedPermissionsAreEnoughAndNoMoreThanThat(t *testing.T) {
	acls := documented(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "chat", "dlq.chat"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "x"), kfake.User("PLAIN", "reader", "x", acls["A"]...), kfake.User("PLAIN", "replayer", "x", slices.Concat(acls["A"], acls["B"])...),
		kfake.User("PLAIN", "publisher", "x", slices.Concat(acls["A"], []kfake.ACL{{Resource: kmsg.ACLResourceTypeTopic, Name: "chat", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationWrite, Allow: true}})...))
	if err != nil {
		t.Fatal(err)
	}
	b := &letterbox{Cluster: c, t: t, transport: &kafka.Transport{SASL: plain.Mechanism{Username: "admin", Password: "x"}}}
	defer func() {
		b.transport.CloseIdleConnections()
		c.Close()
	}()
	if _, err := b.client().Append(t.Context(), "chat", 1, []cluster.Message{{Value: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	b.fail("roomrelay", failed(1, nil), failed(2, nil), failed(3, nil))
	b.commit("roomrelay", 1, 0)
	for _, x := range []struct {
		user, args string
		code       int
		says       string
	}{
		{"reader", "dlq stats", exitFine, "retention takes the oldest one from"},
		{"reader", "dlq ls", exitFine, "m1"},
		{"reader", "dlq show 1:0", exitFine, "m1"},
		{"reader", "dlq export", exitFine, "m1"},
		{"reader", "dlq replay --yes", exitFailed, "docs/security.md lists the permissions"},
		{"reader", "dlq discard --yes --why=x", exitFailed, "docs/security.md lists the permissions"},
		{"reader", "trace m1", exitFailed, "docs/security.md lists the permissions"},
		// Who couldn't mark publishes nothing: it would be published again and again.
		{"publisher", "dlq replay --yes", exitFailed, "seeing whether letters can be marked"},
		{"publisher", "dlq stats", exitFine, "outstanding          3\n"},
		{"replayer", "dlq replay --yes --limit=1", exitFine, "Published and marked: 1 letter."},
		{"replayer", "dlq discard --yes --why=x --limit=1", exitFine, "Discarded: 1 letter."},
		{"replayer", "trace m1", exitLeft, "on its way"},
		{"replayer", "dlq stats", exitFine, "outstanding          1\n"},
	} {
		environ := []string{
			"ROOMRELAY_BROKERS=" + c.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=roomrelay",
			"ROOMRELAY_SASL_MECHANISM=plain", "ROOMRELAY_SASL_USERNAME=" + x.user, "ROOMRELAY_SASL_PASSWORD=x",
		}
		got := execute(nil, environ, strings.Fields(x.args)...)
		if got.code != x.code || !strings.Contains(got.out+got.err, x.says) {
			t.Errorf("%s, %s: exit %d, want %d and %q\n%s%s", x.user, x.args, got.code, x.code, x.says, got.out, got.err)
		}
	}
}

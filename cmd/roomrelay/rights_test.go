package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"roomrelay/internal/imsim"
)

// guarded is a broker on which each user has the documented permissions of a worker but for one: user 0 lacks the first.
// User "all" has all of them.
func guarded(t *testing.T) (environ []string, acls []kfake.ACL) {
	t.Helper()
	acls = documented(t)["W"]
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(2, "chat", "dlq.chat"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "x"), kfake.User("PLAIN", "all", "x", acls...), kfake.User("PLAIN", "nobody", "x"),
	}
	for i := range acls {
		opts = append(opts, kfake.User("PLAIN", string(rune('0'+i)), "x", slices.Delete(slices.Clone(acls), i, i+1)...))
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	sim := httptest.NewServer(imsim.New(imsim.Config{AppKey: "k", AppSecret: "hush", Seed: 1}))
	t.Cleanup(sim.Close)
	return []string{
		"ROOMRELAY_BROKERS=" + c.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=roomrelay", "ROOMRELAY_FRESH=true",
		"ROOMRELAY_APP_KEY=k", "ROOMRELAY_APP_SECRET=hush", "ROOMRELAY_API_ENDPOINT=" + sim.URL, "ROOMRELAY_ADMIN_ADDR=127.0.0.1:0",
		"ROOMRELAY_SASL_MECHANISM=plain", "ROOMRELAY_SASL_PASSWORD=x",
	}, acls
}

func TestCheckNamesEachPermissionThatIsMissing(t *testing.T) {
	environ, acls := guarded(t)
	got := execute(nil, environ, "check", "--sasl-username=all")
	if got.code != exitFine || !strings.Contains(got.out, "ok    permissions: Read on topic chat, Read on group roomrelay, Write on topic dlq.chat\n") {
		t.Errorf("%+v", got)
	}
	got = execute(nil, environ, "check", "--sasl-username=nobody")
	for _, want := range []string{"FAIL  permissions: Read on topic chat is", "FAIL  permissions: Read on group roomrelay is", "FAIL  permissions: Write on topic dlq.chat is", "may not see whether it exists"} {
		if got.code != exitFailed || !strings.Contains(got.out, want) {
			t.Errorf("%+v; want %q", got, want)
		}
	}
	for i, acl := range acls {
		user := string(rune('0' + i))
		optional := acl.Operation == kmsg.ACLOperationDescribeConfigs
		words := map[kmsg.ACLOperation]string{kmsg.ACLOperationRead: "Read", kmsg.ACLOperationWrite: "Write", kmsg.ACLOperationDescribeConfigs: "DescribeConfigs"}[acl.Operation]
		kind := map[kmsg.ACLResourceType]string{kmsg.ACLResourceTypeTopic: "topic", kmsg.ACLResourceTypeGroup: "group"}[acl.Resource]
		got := execute(nil, environ, "check", "--sasl-username="+user)
		want := "permissions: " + words + " on " + kind + " " + acl.Name + " is missing"
		flags := "--add --allow-principal User:" + user + " --operation " + words + " --" + kind + " " + acl.Name + "\n"
		if !strings.Contains(got.out, want) || !strings.Contains(got.out, flags) || (got.code == exitFine) != optional || strings.Count(got.out, " is missing") != 1 {
			t.Errorf("%s %s: %+v", words, acl.Name, got)
		}
	}
}

func TestAWorkerSaysWhichPermissionsItLacksAndGoesOnWhenItHasThem(t *testing.T) {
	environ, _ := guarded(t)
	environ = append(environ, "ROOMRELAY_SASL_USERNAME=2") // who may not write letters
	log := &logged{lines: make(chan map[string]any, 1000)}
	signals, ended := make(chan os.Signal), make(chan int)
	go func() {
		p := &program{environ: environ, in: strings.NewReader(""), out: io.Discard, err: log}
		ended <- p.run([]string{"worker"}, signals)
	}()
	const lacking = "worker lacks permissions in Kafka, waiting for them"
	var admin string
	for told := false; !told || admin == ""; {
		line := <-log.lines
		switch line["message"] {
		case "admin server listens":
			admin, _ = line["addr"].(string)
		case lacking:
			told = true
			if line["missing"] != "Write on topic dlq.chat" {
				t.Errorf("%v", line)
			}
		}
	}
	ready := func() (int, string) {
		resp, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	if status, text := ready(); status != http.StatusServiceUnavailable || !strings.Contains(text, "Write on topic dlq.chat") {
		t.Errorf("%d %s", status, text)
	}
	grant(t, strings.TrimPrefix(environ[0], "ROOMRELAY_BROKERS="))
	log.await(t, "permissions in Kafka are complete")
	if status, text := ready(); strings.Contains(text, "permissions") {
		t.Errorf("%d %s", status, text)
	}
	signals <- syscall.SIGTERM
	if code := <-ended; code != exitFine {
		t.Errorf("exit %d", code)
	}
}

// The first thing that it asks for isn't metadata, and kafka-go would say that no broker is available.
func TestAWorkerThatCannotLogInSaysSoFirst(t *testing.T) {
	environ, _ := guarded(t)
	log := &logged{lines: make(chan map[string]any, 1000)}
	signals, ended := make(chan os.Signal), make(chan int)
	go func() {
		p := &program{environ: append(environ, "ROOMRELAY_SASL_USERNAME=eve"), in: strings.NewReader(""), out: io.Discard, err: log}
		ended <- p.run([]string{"worker"}, signals)
	}()
	for _, message := range []string{"whether the dead-letter topic fits can't be told", "not in the group yet, trying again"} {
		line := log.await(t, message)
		if text, _ := line["error"].(string); !strings.Contains(text, "logging in") || !strings.Contains(text, "check sasl-username") {
			t.Errorf("%v", line)
		}
	}
	signals <- syscall.SIGTERM
	if code := <-ended; code != exitFine {
		t.Errorf("exit %d", code)
	}
}

// grant lets user 2 write letters.
func grant(t *testing.T, broker string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.SASL(plain.Auth{User: "admin", Pass: "x"}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrCreateACLsRequest()
	acl := kmsg.NewCreateACLsRequestCreation()
	acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = kmsg.ACLResourceTypeTopic, "dlq.chat", kmsg.ACLResourcePatternTypeLiteral
	acl.Principal, acl.Host, acl.Operation, acl.PermissionType = "User:2", "*", kmsg.ACLOperationWrite, kmsg.ACLPermissionTypeAllow
	req.Creations = append(req.Creations, acl)
	answer, err := req.RequestWith(t.Context(), cl)
	if err != nil || answer.Results[0].ErrorCode != 0 {
		t.Fatalf("%v, %+v", err, answer)
	}
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"roomrelay/internal/config"
	"roomrelay/internal/imsim"
)

// logged lets a test wait for a line of a JSON log.
type logged struct {
	lines chan map[string]any
}

func (l *logged) Write(p []byte) (int, error) {
	for text := range strings.Lines(string(p)) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil {
			l.lines <- line
		}
	}
	return len(p), nil
}

// await returns the next line with that message.
func (l *logged) await(t *testing.T, message string) map[string]any {
	t.Helper()
	for {
		select {
		case line := <-l.lines:
			if line["message"] == message {
				return line
			}
		case <-t.Context().Done():
			t.Fatalf("no line %q", message)
		}
	}
}

func TestAWorkerMovesEventsAndStopsInOrder(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "chat", "dlq.chat"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	called := make(chan imsim.Call, 10)
	sim := imsim.New(imsim.Config{AppKey: "k", AppSecret: "hush", Seed: 1, OnCall: func(x imsim.Call) { called <- x }})
	api := httptest.NewServer(sim)
	defer api.Close()
	environ := []string{
		"ROOMRELAY_BROKERS=" + c.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g", "ROOMRELAY_FRESH=true",
		"ROOMRELAY_APP_KEY=k", "ROOMRELAY_APP_SECRET=hush", "ROOMRELAY_API_ENDPOINT=" + api.URL, "ROOMRELAY_ADMIN_ADDR=127.0.0.1:0",
	}
	log := &logged{lines: make(chan map[string]any, 1000)}
	signals := make(chan os.Signal)
	ended := make(chan int)
	go func() {
		p := &program{environ: environ, in: strings.NewReader(""), out: io.Discard, err: log}
		ended <- p.run([]string{"worker"}, signals)
	}()
	admin, _ := log.await(t, "admin server listens")["addr"].(string)
	if got := execute(strings.NewReader(line(7, 1)), environ, "produce"); got.code != exitFine {
		t.Fatalf("%+v", got)
	}
	<-called
	for path, want := range map[string]string{"/livez": "alive\n", "/metrics": "\nroomrelay_build_info{"} {
		resp, err := http.Get("http://" + admin + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(b), want) {
			t.Errorf("%s says %s", path, b)
		}
	}
	signals <- syscall.SIGTERM
	if code := <-ended; code != exitFine {
		t.Errorf("exit %d", code)
	}
	if s := sim.Stats(); s.Shown != 1 {
		t.Errorf("%+v", s)
	}
	committed := int64(0)
	for _, p := range c.GroupInfo("g").Commits["chat"] {
		committed += p.Offset
	}
	if committed != 1 {
		t.Errorf("commits sum up to %d, want 1: what was settled is committed before the end", committed)
	}
	if conn, err := net.Dial("tcp", admin); err == nil {
		conn.Close()
		t.Error("the admin server outlives the worker")
	}
}

func TestAWorkerThatCannotBeginExitsWithOne(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := execute(nil, []string{
		"ROOMRELAY_BROKERS=127.0.0.1:1", "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g", "ROOMRELAY_APP_KEY=k", "ROOMRELAY_APP_SECRET=hush",
		"ROOMRELAY_ADMIN_ADDR=" + l.Addr().String(),
	}, "worker")
	if got.code != exitFailed || !strings.Contains(got.err, "listening on admin-addr") || !strings.Contains(got.err, `"level":"error"`) || strings.Contains(got.err, "hush") {
		t.Errorf("%+v", got)
	}
}

// Each setting of the stages that this leaves at its zero value would be one that a user sets in vain.
func TestEverySettingReachesItsStage(t *testing.T) {
	s := config.Defaults()
	s.Brokers, s.Topic, s.Group, s.DeadLetterTopic, s.AppKey, s.AppSecret = []string{"x:1"}, "chat", "g", "dlq.chat", "k", "hush"
	s.InstanceID, s.Fresh, s.LeaveOnStop, s.AutoOffsetReset = "i", true, true, "fail"
	s.Ordering, s.RoomRate, s.ResendRefusals, s.DuplicateReasons = "room", 20, "resend", []string{"already"}
	cfg, err := relayConfig(s, &kafka.Transport{}, nil, zerolog.New(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	// Set by the wiring, or for tests.
	mayBeZero := map[string]bool{
		"Consumer.Notify": true, "Consumer.Wall": true, "Sender.Dial": true, "Sender.Wall": true, "Sender.Remember": true, "DeadLetter.Owned": true, "DeadLetter.Written": true, "Meter": true,
	}
	v := reflect.ValueOf(cfg)
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if field.Kind() != reflect.Struct || name == "Log" {
			if field.IsZero() && !mayBeZero[name] {
				t.Errorf("%s isn't set", name)
			}
			continue
		}
		for j := range field.NumField() {
			if full := name + "." + field.Type().Field(j).Name; field.Field(j).IsZero() && !mayBeZero[full] {
				t.Errorf("%s isn't set", full)
			}
		}
	}
	if _, err := (&program{dial: func(context.Context, string, string) (net.Conn, error) { return nil, nil }}).transport(s); err != nil {
		t.Error(err)
	}
}

func TestAWorkerRefusesADeadLetterTopicThatWouldLoseLetters(t *testing.T) {
	for config, says := range map[string]string{
		"cleanup.policy=compact":  `the dead-letter topic \"dlq.chat\" can't be used: its cleanup.policy is compact`,
		"max.message.bytes=10000": `can't be used: its max.message.bytes is 10000, and that of chat is 1048588`,
	} {
		name, value, _ := strings.Cut(config, "=")
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "chat"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.CreateTopic("dlq.chat", 2, map[string]string{name: value}); err != nil {
			t.Fatal(err)
		}
		got := execute(nil, nil, "worker", "--brokers="+c.ListenAddrs()[0], "--topic=chat", "--group=g", "--app-key=k", "--app-secret=s", "--admin-addr=off")
		if got.code != exitFailed || !strings.Contains(got.err, says) || strings.Contains(got.err, "worker starts") {
			t.Errorf("%s: exit %d\n%s", config, got.code, got.err)
		}
	}
}

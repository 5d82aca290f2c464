package deadletter

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"roomrelay/event"
)

// replayed is a record as a replay publishes it.
func replayed(headers ...string) event.Record {
	r := event.Record{Partition: 3, Offset: 900, Time: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, "=")
		r.Headers = append(r.Headers, event.Header{Key: name, Value: []byte(value)})
	}
	return r
}

func TestOnlyAReplayKeepsWhereItFirstStood(t *testing.T) {
	whole := []string{
		"__dlq.errors.topic=chat", "__dlq.errors.group=relay", "roomrelay.replays=2",
		"roomrelay.first-partition=3", "roomrelay.first-offset=17", "roomrelay.first-failed-at=2026-04-30T01:02:03.000Z",
	}
	kept := first{partition: 3, offset: 17, replays: 2, failedAt: time.Date(2026, 4, 30, 1, 2, 3, 0, time.UTC)}
	own := first{partition: 3, offset: 900}
	undated := kept
	undated.failedAt = time.Time{}

	for name, c := range map[string]struct {
		from, to string // in one header
		want     first
	}{
		"as written by a replay":          {"", "", kept},
		"never replayed":                  {"replays=2", "replays=0", own},
		"replays is no number":            {"replays=2", "replays=two", own},
		"replays with a sign":             {"replays=2", "replays=+2", own},
		"replays with a leading zero":     {"replays=2", "replays=02", own},
		"replays out of range":            {"replays=2", "replays=4294967297", own},
		"another group's":                 {"group=relay", "group=other", own},
		"another topic's":                 {"topic=chat", "topic=chat2", own},
		"no first offset":                 {"first-offset=17", "x=", own},
		"negative offset":                 {"first-offset=17", "first-offset=-17", own},
		"no first partition":              {"first-partition=3", "x=", own},
		"first at itself":                 {"first-offset=17", "first-offset=900", own},
		"first failed in its future":      {"2026-04-30", "2027-04-30", undated},
		"first failed at no time":         {"2026-04-30", "yesterday ", undated},
		"another partition, later offset": {"first-partition=3", "first-partition=4", first{partition: 4, offset: 17, replays: 2, failedAt: kept.failedAt}},
	} {
		t.Run(name, func(t *testing.T) {
			var h []string
			for _, x := range whole {
				h = append(h, strings.Replace(x, c.from, c.to, 1))
			}
			r := replayed(h...)
			if got := firstOf(&r, "chat", "relay"); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	for _, x := range whole[:5] {
		r := replayed(append(whole, x)...)
		if got := firstOf(&r, "chat", "relay"); got != own {
			t.Errorf("%s twice: %+v, want its own position", x, got)
		}
	}
	r := replayed()
	if got := firstOf(&r, "chat", "relay"); got != own {
		t.Errorf("without headers: %+v", got)
	}
}

// Offsets of a topic that was made anew begin at 0 again.
func TestAReplayIntoATopicThatWasMadeAnewIsTheSameLetter(t *testing.T) {
	of := func(id string) first {
		r := replayed("__dlq.errors.topic=chat", "__dlq.errors.group=relay", "roomrelay.replays=1",
			"roomrelay.first-topic-id="+id, "roomrelay.first-partition=3", "roomrelay.first-offset=5000")
		r.TopicID = "new"
		return firstOf(&r, "chat", "relay")
	}
	if got, want := of("old"), (first{topicID: "old", partition: 3, offset: 5000, replays: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := of("new"), (first{topicID: "new", partition: 3, offset: 900}); got != want {
		t.Errorf("it stands behind itself: %+v, want its own position %+v", got, want)
	}
}

func TestAReplayThatFailsAgainIsTheSameLetter(t *testing.T) {
	l := Letter{Record: replayed("__dlq.errors.topic=chat", "__dlq.errors.group=relay", "roomrelay.replays=1",
		"roomrelay.first-partition=0", "roomrelay.first-offset=17", "roomrelay.first-failed-at=2026-04-30T01:02:03.000Z"), FailedAt: time.Date(2026, 5, 1, 12, 0, 1, 0, time.UTC)}
	got := map[string]string{}
	for _, h := range l.headers("chat", "relay", whole) {
		if got[h.Key] != "" {
			t.Errorf("%s is there twice", h.Key)
		}
		got[h.Key] = string(h.Value)
	}
	for name, want := range map[string]string{
		HeaderPartition: "3", HeaderOffset: "900", HeaderFirstPartition: "0", HeaderFirstOffset: "17", HeaderReplays: "1",
		HeaderFirstFailedAt: "2026-04-30T01:02:03.000Z", HeaderFailedAt: "2026-05-01T12:00:01.000Z",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

func FuzzHeadersAreTextBoundedAndEachOnce(f *testing.F) {
	f.Add("roomrelay.replays", []byte("1"), "no such room", "m1", int64(7))
	f.Add("__dlq.errors.", []byte{0xff}, strings.Repeat("€", 500), "\xff", int64(-1))
	f.Fuzz(func(t *testing.T, name string, value []byte, message, id string, room int64) {
		l := Letter{
			Record: event.Record{Headers: []event.Header{{Key: name, Value: value}, {Key: HeaderReplays, Value: value}, {Key: HeaderFirstOffset, Value: value}}},
			Room:   room, MsgID: id, Message: message, Reason: message, Outcome: id,
		}
		seen := map[string]bool{}
		for _, h := range l.headers("chat", "relay", truncated) {
			if seen[h.Key] || !utf8.Valid(h.Value) || len(h.Value) > maxMessage {
				t.Errorf("%s = %q", h.Key, h.Value)
			}
			seen[h.Key] = true
		}
		if !seen[HeaderTruncated] {
			t.Errorf("truncated: %v", seen)
		}
		own := 0
		for _, h := range l.headers("chat", "relay", whole) {
			if reserved(h.Key) {
				own++
			}
		}
		if own != len(seen)-1 {
			t.Errorf("%d headers of its own, want %d", own, len(seen)-1)
		}
	})
}

func TestAReplayIsForItsOwnGroupAlone(t *testing.T) {
	r := replayed("__dlq.errors.topic=chat", "__dlq.errors.group=relay", "roomrelay.replays=1", "roomrelay.first-partition=3", "roomrelay.first-offset=17", "x=y")
	for _, c := range []struct {
		topic, group string
		want         bool
	}{{"chat", "other", true}, {"chat", "relay", false}, {"chat2", "other", false}} {
		if got := ForAnother(&r, c.topic, c.group); got != c.want {
			t.Errorf("in %s, to %s: %v", c.topic, c.group, got)
		}
	}
	// What isn't wholly a replay is everybody's event: passing it over would lose it.
	for i := range r.Headers[:5] {
		broken := r
		broken.Headers = append([]event.Header{{Key: "a"}, {Key: "b"}}, r.Headers...)
		broken.Headers[i+2].Value = nil
		if ForAnother(&broken, "chat", "other") {
			t.Errorf("without %s it is passed over", r.Headers[i].Key)
		}
	}
}

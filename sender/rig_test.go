package sender

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"roomrelay/event"
)

// rig is a Sender without a network: tests say what was answered and what time it is.
type rig struct {
	*Sender
	t   testing.TB
	now time.Time
}

// always lets every call be written.
func always() bool { return true }

func settings() Config {
	return Config{
		Endpoints: []string{"http://api.test"}, AppKey: "key", AppSecret: "a-secret-that-must-not-be-seen",
		RequestTimeout: 5 * time.Second, RetryInitial: 200 * time.Millisecond, RetryMax: 30 * time.Second,
		GiveUpAfter: 5 * time.Minute, MaxInFlight: 64, Log: zerolog.Nop(),
	}
}

func newRig(t testing.TB, adjust ...func(*Config)) *rig {
	t.Helper()
	cfg := settings()
	for _, f := range adjust {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{Sender: s, t: t, now: time.Unix(1_700_000_000, 0)}
}

// messages are decoded events of one sender in one room.
func messages(t testing.TB, room int64, ids ...string) (events []*event.Event) {
	t.Helper()
	for _, id := range ids {
		e, err := event.Decode(event.Record{Value: fmt.Appendf(nil, `{"roomid":%d,"fromAccid":"ann","msgId":%q,"msgType":0,"attach":"hi"}`, room, id)})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func (r *rig) course(room int64, ids ...string) *Course {
	r.t.Helper()
	events := messages(r.t, room, ids...)
	for _, e := range events {
		e.Arrived = r.now
	}
	return r.NewCourse(events)
}

// call begins the next call of a course, which must be allowed and needed.
func (r *rig) call(c *Course) *Call {
	r.t.Helper()
	if g := r.Gate(r.now); g.Mode == Shut {
		r.t.Fatalf("the gate is shut until %v: %s", g.Until.Sub(r.now), g.Why)
	}
	step := r.Next(r.now, c)
	if step.Call == nil {
		r.t.Fatalf("no call but %+v", step)
	}
	return step.Call
}

// reply is an answer as it is read from the wire.
func (r *rig) reply(x *Call, status int, body string) Answer {
	a := Answer{Began: r.now, Ended: r.now, Kind: Answered, HTTPStatus: status}
	a.read([]byte(body), x.Events)
	return a
}

// says lets a call of the course end with an answer of HTTP 200.
func (r *rig) says(c *Course, body string) Judgement {
	r.t.Helper()
	x := r.call(c)
	return r.Judge(r.now, c, x, r.reply(x, 200, body))
}

// silence lets a call of the course end without an answer.
func (r *rig) silence(c *Course) Judgement {
	r.t.Helper()
	x := r.call(c)
	return r.Judge(r.now, c, x, Answer{Began: r.now, Ended: r.now})
}

// elsewhere lets a call of another room be answered 200.
func (r *rig) elsewhere(room int64) {
	r.t.Helper()
	r.says(r.course(room, fmt.Sprint("good-", room, "-", r.ticks)), fine)
}

func (r *rig) wait(d time.Duration) { r.now = r.now.Add(d) }

const (
	fine   = `{"code":200}`
	gone   = `{"code":404,"desc":"chatroom not exist"}`
	bad    = `{"code":414,"desc":"msgContents size exceeded"}`
	forged = `{"code":414,"desc":"check checksum error"}`
)

func ids(events []*event.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s/%d ", e.MsgID, e.Flag)
	}
	return strings.TrimSpace(b.String())
}

func letters(l []Letter) string {
	var b strings.Builder
	for _, x := range l {
		fmt.Fprintf(&b, "%s %s %s; ", x.Event.MsgID, x.Reason, x.Outcome)
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func expect[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

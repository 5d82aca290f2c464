package consumer

import (
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"roomrelay/consumer/internal/offsets"
	"roomrelay/event"
	"roomrelay/internal/fetch"
)

// benchClaim is a running claim without broker, far from its limit.
func benchClaim(b *testing.B) *claim {
	b.Helper()
	c, err := New(Config{
		Transport: nowhere{}, Addr: nowhere{}, Topic: topic, Group: groupID, Notify: func(Notice) {},
		SessionTimeout: 45 * time.Second, RebalanceTimeout: time.Minute, RequestTimeout: 5 * time.Second, Lease: 15 * time.Second,
		MaxEvents: 1 << 40, MaxBytes: 1 << 50,
	})
	if err != nil {
		b.Fatal(err)
	}
	c.run = b.Context()
	cl := newClaim(c, 0, 1)
	t := offsets.New(offsets.Takeover{Fresh: true})
	t.Commit(time.Now(), 1<<60, false)
	t.Acked(1)
	if err := cl.taken(t, offsets.Takeover{}, logRange{0, 1 << 60}); err != nil {
		b.Fatal(err)
	}
	c.live.Store(&map[int32]*claim{0: cl})
	return cl
}

// A record's whole way through the consumer but for the network: handed out, begun, settled.
func BenchmarkRecord(b *testing.B) {
	cl := benchClaim(b)
	var got []event.Record
	cl.c.cfg.Notify = func(n Notice) { got = n.Records }
	h := &handout{claim: cl}
	value := make([]byte, 300)
	b.ReportAllocs()
	var offset int64
	for b.Loop() {
		if err := h.add(&fetch.Record{Offset: offset, Value: value}); err != nil {
			b.Fatal(err)
		}
		offset++
		for i := range got {
			cl.begin(got[i].Offset)
			cl.c.Settle(&got[i])
		}
		got = nil
	}
}

// nowhere is a broker that isn't asked.
type nowhere struct{ kafka.RoundTripper }

func (nowhere) Network() string { return "tcp" }
func (nowhere) String() string  { return "nowhere:9092" }

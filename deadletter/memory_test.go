package deadletter

import (
	"runtime"
	"testing"

	"roomrelay/event"
	"roomrelay/internal/cluster"
)

func TestI7_ALedgerTakesAFewHundredBytesALetterThatIsNotDone(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		const letters, done = 8_000, 3_000
		var batch []cluster.Message
		for i := range int64(letters) {
			l := letter(0, i)
			m := cluster.Message{Key: l.Record.Key, Value: l.value()}
			for _, h := range l.headers("chat", "relay", whole) {
				m.Headers = append(m.Headers, event.Header{Key: h.Key, Value: h.Value})
			}
			if batch = append(batch, m); i < done {
				batch = append(batch, (&Mark{Identity: identity(Place{0, i}), Action: ActionDiscard, By: "x"}).message())
			}
			if len(batch) >= 500 || i == letters-1 {
				o.append(0, batch...)
				batch = nil
			}
		}
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		l := o.ledger(o.desk(), Reading{Full: true})
		after := heap()
		if len(l.Entries) != letters-done {
			t.Fatalf("%d letters", len(l.Entries))
		}
		if each := int64(after-before) / int64(len(l.Entries)); each > 500 {
			t.Errorf("%d bytes a letter", each)
		} else {
			t.Logf("%d bytes a letter that isn't done", each)
		}
		runtime.KeepAlive(l)
	})
}

package consumer

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"
)

// said is a log that may be read while it is written.
type said struct {
	mu   sync.Mutex // of text
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) has(words ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

func TestATransactionThatIsLeftOpenIsToldByItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		log := &said{}
		w := g.start(func(c *Config) { c.Log = zerolog.New(log) })
		g.publish(0, 3)
		w.awaitRecords(3)
		producer, err := kgo.NewClient(
			kgo.SeedBrokers(g.ListenAddrs()...), kgo.Dialer(g.net.DialContext), kgo.TransactionalID("tx"), kgo.TransactionTimeout(10*time.Minute),
			kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		)
		if err != nil {
			t.Fatal(err)
		}
		defer producer.Close()
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(context.Background(), kgo.StringRecord("never to be sent")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		g.publish(0, 2) // behind it
		time.Sleep(transactionAfter - time.Second)
		if log.has("transaction") {
			t.Error("told of a transaction that may well end")
		}
		time.Sleep(3 * time.Second)
		if !log.has(`"level":"warn"`, `"partition":0`, `"position":3`, `"log-end":6`, "held up by a producer's transaction") {
			t.Errorf("not told of a transaction that was left open:\n%s", log.text.String())
		}
		if n := w.count(); n != 3 {
			t.Errorf("%d records were handed out past an open transaction", n)
		}
		if err := producer.EndTransaction(context.Background(), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		w.awaitRecords(5)
		await(t, "the end is told", 5*time.Second, func() bool { return log.has(`"partition":0`, "transaction ended") })
		for _, r := range w.records() {
			if strings.HasPrefix(string(r.Value), "never") {
				t.Error("a record of an aborted transaction was handed out")
			}
		}
	})
}

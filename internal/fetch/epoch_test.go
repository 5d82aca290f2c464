package fetch

import (
	"errors"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

func TestALeaderThatHasJustChangedIsFound(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(1, "chat"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	transport := &kafka.Transport{MetadataTopics: []string{"chat"}, MetadataTTL: time.Hour} // it never hears of the change
	t.Cleanup(transport.CloseIdleConnections)
	addr := kafka.TCP(c.ListenAddrs()...)
	write(t, transport, addr, 0, 0, kafka.Record{Value: kafka.NewBytes([]byte("a"))}, kafka.Record{Value: kafka.NewBytes([]byte("b"))})
	w := Written{Topic: "chat"}
	for i := range 3 {
		if err := c.MoveTopicPartition("chat", 0, (c.LeaderFor("chat", 0)+1)%3); err != nil {
			t.Fatal(err)
		}
		fresh := &kafka.Transport{MetadataTopics: []string{"chat"}}
		write(t, fresh, addr, 0, 0, kafka.Record{Value: kafka.NewBytes([]byte("c"))})
		fresh.CloseIdleConnections()
		if end, known, err := EndOf(t.Context(), transport, addr, w); err != nil || !known || end != 2 {
			t.Errorf("after change %d: end %d, known %v, %v", i+1, end, known, err)
		}
	}
	w.Topic = "none"
	if _, _, err := EndOf(t.Context(), transport, addr, w); !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("no topic: %v", err)
	}
}

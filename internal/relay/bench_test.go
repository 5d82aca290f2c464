package relay_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/internal/imsim"
	"roomrelay/internal/relay"
	"roomrelay/internal/world"
)

// BenchmarkWholePath moves a backlog from a broker through a worker into the simulator, all in this
// process, over loopback: 1,000 rooms, 8 partitions, lanes in order.
func BenchmarkWholePath(b *testing.B) {
	for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
		b.Run(fmt.Sprint("latency=", latency), func(b *testing.B) {
			const messages, rooms, partitions = 200_000, 1000, 8
			var took time.Duration
			var calls int64
			for b.Loop() {
				w := world.New(b, world.Config{Partitions: partitions, Loopback: true, Keep: imsim.KeepNothing, Latency: imsim.Latency{Fixed: latency}})
				backlog(w, messages, rooms, partitions)
				begun := time.Now()
				x := w.Start(func(c *relay.Config) { c.Sender.Rate = 0 })
				w.Await("everything shown", 2*time.Minute, func() bool { return w.Sim.Stats().Shown == messages })
				took += time.Since(begun)
				calls += w.Sim.Stats().Calls
				x.Kill()
				w.Close()
			}
			b.ReportMetric(float64(messages)*float64(b.N)/took.Seconds(), "messages/s")
			b.ReportMetric(float64(messages)*float64(b.N)/float64(calls), "messages/call")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// backlog publishes messages of one sender a room, rooms in turn.
func backlog(w *world.World, messages, rooms, partitions int) {
	for p := range partitions {
		var batch []kafka.Record
		for i := p; i < messages; i += partitions {
			room := (i/partitions%(rooms/partitions))*partitions + p + 1
			value := fmt.Appendf(nil, `{"roomid":%d,"fromAccid":"sender-%d","msgId":"2006-06-05-%06d","msgType":0,"attach":"does anybody know why this is so slow today?"}`, room, room, i)
			batch = append(batch, kafka.Record{Key: kafka.NewBytes(strconv.AppendInt(nil, int64(room), 10)), Value: kafka.NewBytes(value), Time: time.Now()})
			if len(batch) == 1000 {
				w.AppendAll(p, batch...)
				batch = nil
			}
		}
		if len(batch) > 0 {
			w.AppendAll(p, batch...)
		}
	}
}

package consumer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// lag lets a coordinator answer reads as one of Kafka 4 does that was elected a moment ago: it has every commit in its
// log, but knows of the high watermark only what its followers have told it, and a plain read sees no further. It
// knows none until then. Reads that require what is stable wait until it knows.
func (g *rig) lag() {
	g.control(kmsg.OffsetFetch, func(req kmsg.Request) (kmsg.Response, error, bool) {
		r := req.(*kmsg.OffsetFetchRequest)
		if r.RequireStable {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.OffsetFetchResponse)
		for _, t := range r.Topics {
			a := kmsg.NewOffsetFetchResponseTopic()
			a.Topic = t.Topic
			for _, p := range t.Partitions {
				x := kmsg.NewOffsetFetchResponseTopicPartition()
				x.Partition, x.Offset = p, -1
				a.Partitions = append(a.Partitions, x)
			}
			answer.Topics = append(answer.Topics, a)
		}
		return answer, nil, true
	})
}

// A commit that was acknowledged counts, also where the coordinator has moved since.
// Otherwise what an earlier owner has sent would be taken for what nobody has sent yet.
func TestI1_ATakeoverReadsWhatWasAcknowledgedFromACoordinatorThatLagsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		g.publish(0, 30)
		first := g.start()
		first.awaitRecords(30)
		first.stop()
		if c, _ := g.stored(0); c.Offset != 30 {
			t.Fatalf("committed %d", c.Offset)
		}
		g.lag()
		g.publish(0, 5)
		second := g.start()
		second.awaitRecords(5)
		time.Sleep(5 * time.Second)
		for _, r := range second.records() {
			if r.Offset < 30 || r.InDoubt {
				t.Fatalf("taken over as if the commit weren't there: %+v", r)
			}
		}
	})
}

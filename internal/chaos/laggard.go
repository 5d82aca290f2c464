package chaos

import (
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/world"
)

// laggard is a coordinator that was elected a moment ago. It has every commit in its log, but knows of the high
// watermark only what it heard of its predecessor: a read that doesn't require what is stable sees no further, as in
// Kafka 4. It is over with the next commit, whose acknowledgement says that the followers have caught up.
type laggard struct {
	r *Run

	mu    sync.Mutex // guards what follows; the broker asks for it, so nothing is asked of the broker under it
	known map[int32]kfake.GroupCommit
	until time.Time // zero: the coordinator knows all
}

func newLaggard(r *Run) *laggard {
	x := &laggard{r: r}
	r.Cluster.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		x.mu.Lock()
		defer x.mu.Unlock()
		x.until = time.Time{}
		return nil, nil, false
	})
	r.Cluster.ControlKey(int16(kmsg.OffsetFetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		answer := x.answer(q.(*kmsg.OffsetFetchRequest))
		return answer, nil, answer != nil
	})
	return x
}

// longestBehind is for how long a coordinator may lag behind. Real ones did for up to a second.
const longestBehind = 2 * time.Second

// fall lets the next coordinator know no more than is committed now.
func (x *laggard) fall() {
	known := map[int32]kfake.GroupCommit{}
	if info := x.r.Cluster.GroupInfo(world.Group); info != nil {
		maps.Copy(known, info.Commits[world.Topic])
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.known = known
}

// lag begins when that coordinator has been elected.
func (x *laggard) lag(d time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known != nil {
		x.until = time.Now().Add(min(d, longestBehind))
	}
}

// answer is what it says; nil: what the broker says.
func (x *laggard) answer(q *kmsg.OffsetFetchRequest) kmsg.Response {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !time.Now().Before(x.until) || q.Group != world.Group {
		return nil
	}
	x.r.cover.seen("group", "a commit read from a coordinator that lags behind")
	if q.RequireStable {
		return nil
	}
	answer := q.ResponseKind().(*kmsg.OffsetFetchResponse)
	for _, t := range q.Topics {
		a := kmsg.NewOffsetFetchResponseTopic()
		a.Topic = t.Topic
		for _, p := range t.Partitions {
			a.Partitions = append(a.Partitions, x.told(p))
		}
		answer.Topics = append(answer.Topics, a)
	}
	return answer
}

func (x *laggard) told(partition int32) kmsg.OffsetFetchResponseTopicPartition {
	p := kmsg.NewOffsetFetchResponseTopicPartition()
	p.Partition, p.Offset = partition, -1
	if c, ok := x.known[partition]; ok {
		p.Offset, p.Metadata = c.Offset, &c.Metadata
	}
	return p
}

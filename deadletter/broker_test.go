package deadletter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/event"
	"roomrelay/internal/cluster"
	"roomrelay/internal/fetch"
)

// office is an embedded broker on a network of the bubble's own, and a running Writer.
type office struct {
	*kfake.Cluster
	t         *testing.T
	net       kfake.VirtualNetwork
	transport *kafka.Transport
	*Writer
	end     context.CancelFunc
	ended   chan error
	mu      sync.Mutex
	lapsed  bool      // the lease
	written []*Letter // as told
}

// open starts a broker, with a dead-letter topic of that many partitions if there are any, and a Writer.
func open(t *testing.T, partitions int32, config map[string]string) *office {
	t.Helper()
	o := &office{t: t, ended: make(chan error, 1)}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(o.net.Listen), kfake.DefaultNumPartitions(1))
	if err != nil {
		t.Fatal(err)
	}
	o.Cluster = c
	if partitions > 0 {
		if err := c.CreateTopic("dlq.chat", partitions, config); err != nil {
			t.Fatal(err)
		}
	}
	o.transport = &kafka.Transport{Dial: o.net.DialContext, MetadataTTL: time.Second, MetadataTopics: []string{"chat", "dlq.chat"}}
	o.Writer = New(Config{
		Transport: o.transport, Addr: o.addr(), Topic: "dlq.chat", SourceTopic: "chat", Group: "relay",
		RequestTimeout: 5 * time.Second, Owned: o.owned, Written: o.told, Log: zerolog.Nop(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	o.end = cancel
	go func() { o.ended <- o.Run(ctx) }()
	return o
}

func (o *office) addr() net.Addr { return kafka.TCP(o.ListenAddrs()...) }

func (o *office) close() {
	o.end()
	<-o.ended
	o.transport.CloseIdleConnections()
	o.Close()
}

func (o *office) owned(*event.Record) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.lapsed
}

func (o *office) lapse(yes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lapsed = yes
}

func (o *office) told(l []*Letter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written = append(o.written, l...)
}

func (o *office) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.written)
}

// await lets time pass until n letters were told as written.
func (o *office) await(n int, limit time.Duration) {
	o.t.Helper()
	for end := time.Now().Add(limit); o.count() < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatalf("after %v %d letters are told as written, want %d; ready: %v", limit, o.count(), n, o.Ready())
		}
	}
}

// letter is one of the source partition at an offset.
func letter(partition int32, offset int64) *Letter {
	return &Letter{
		Record: event.Record{
			Partition: partition, Offset: offset, Epoch: 1, Key: []byte("7"), Time: time.Now(),
			Value: fmt.Appendf(nil, `{"roomid":7,"fromAccid":"ann","msgId":"m%d","msgType":0}`, offset),
		},
		Room: 7, MsgID: fmt.Sprintf("m%d", offset), Reason: "room-gone", Outcome: OutcomeRefused, Code: 404, HTTPStatus: 200,
		Attempts: 1, Message: "no such room", FailedAt: time.Now(), FirstFailedAt: time.Now(),
	}
}

// found is a record of the dead-letter topic.
type found struct {
	offset  int64
	time    time.Time
	key     []byte
	value   []byte // nil: null
	headers []kafka.Header
}

func (f *found) header(name string) string {
	for _, h := range f.headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// read returns all records of a partition of the dead-letter topic.
func (o *office) read(partition int) []found {
	o.t.Helper()
	var all []found
	end := o.PartitionInfo("dlq.chat", int32(partition)).HighWatermark
	err := o.cluster().Scan(context.Background(), "dlq.chat", int32(partition), 0, end, func(r *fetch.Record) error {
		f := found{offset: r.Offset, time: r.Time, key: r.Key, value: r.Value}
		for _, h := range r.Headers {
			f.headers = append(f.headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		all = append(all, f)
		return nil
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

func (o *office) cluster() *cluster.Client {
	return &cluster.Client{Transport: o.transport, Addr: o.addr()}
}

// records is the one batch of a produce request, decompressed.
func records(r kmsg.Request) (n int, plain []byte, attributes int16) {
	var b kmsg.RecordBatch
	if err := b.ReadFrom(r.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records); err != nil {
		return 0, nil, 0
	}
	if kafka.Compression(b.Attributes&7) != codec {
		return int(b.NumRecords), b.Records, b.Attributes
	}
	c := codec.Codec().NewReader(bytes.NewReader(b.Records))
	defer c.Close()
	plain, _ = io.ReadAll(c)
	return int(b.NumRecords), plain, b.Attributes
}

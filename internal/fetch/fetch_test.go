package fetch

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

// broker starts an embedded one with the topic "chat" of two partitions.
func broker(t testing.TB, options ...kfake.Opt) (kafka.RoundTripper, net.Addr) {
	t.Helper()
	c, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(2, "chat"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	transport := &kafka.Transport{MetadataTopics: []string{"chat"}, MetadataTTL: 100 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	return transport, kafka.TCP(c.ListenAddrs()...)
}

func write(t testing.TB, transport kafka.RoundTripper, addr net.Addr, partition int, codec kafka.Compression, records ...kafka.Record) {
	t.Helper()
	client := kafka.Client{Addr: addr, Transport: transport, Timeout: 10 * time.Second}
	answer, err := client.Produce(t.Context(), &kafka.ProduceRequest{
		Topic: "chat", Partition: partition, RequiredAcks: kafka.RequireAll, Compression: codec,
		Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		t.Fatal(err)
	}
}

func request(partition int32, offset int64) Request {
	return Request{Topic: "chat", Partition: partition, Offset: offset, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond, LeaderEpoch: -1}
}

func read(t *testing.T, transport kafka.RoundTripper, addr net.Addr, r Request) *Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	answer, err := Do(ctx, transport, addr, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(answer.Close)
	return answer
}

func TestABrokersRecordsAreRead(t *testing.T) {
	transport, addr := broker(t)
	at := time.UnixMilli(1_700_000_000_123)
	next := int64(0)
	for _, codec := range codecs {
		var records []kafka.Record
		var want []string
		for i := range 200 {
			v := fmt.Sprint(codec, i, strings.Repeat("x", i))
			want = append(want, v)
			records = append(records, kafka.Record{
				Time: at, Key: kafka.NewBytes([]byte("42")), Value: kafka.NewBytes([]byte(v)),
				Headers: []kafka.Header{{Key: "h", Value: []byte(v)}},
			})
		}
		write(t, transport, addr, 1, codec, records...)
		answer := read(t, transport, addr, request(1, next))
		if answer.HighWatermark != next+200 || answer.LastStable != next+200 || answer.LogStart != 0 {
			t.Fatalf("%v: %+v", codec, answer)
		}
		all := expect(t, answer.Records(Limits{}), next+200, want...)
		for i, r := range all {
			if r.Offset != next+int64(i) || !r.Time.Equal(at) || string(r.Key) != "42" || string(r.Headers[0].Value) != want[i] {
				t.Fatalf("%v: record %d: %+v", codec, i, r)
			}
		}
		next += 200
	}
}

func TestVersionsOfOlderBrokers(t *testing.T) {
	for name, v := range map[string]*kversion.Versions{
		"0.11": kversion.V0_11_0(), "1.0": kversion.V1_0_0(), "2.0": kversion.V2_0_0(), "2.3": kversion.V2_3_0(), "4.0": kversion.V4_0_0(),
	} {
		t.Run(name, func(t *testing.T) {
			transport, addr := broker(t, kfake.MaxVersions(v))
			write(t, transport, addr, 0, 0, kafka.Record{Value: kafka.NewBytes([]byte("v"))})
			answer := read(t, transport, addr, request(0, 0))
			expect(t, answer.Records(Limits{}), 1, "v")
			if start := answer.LogStart; answer.HighWatermark != 1 || start > 0 {
				t.Fatalf("high watermark %d, log start %d", answer.HighWatermark, start)
			}
		})
	}
}

func TestAnEmptyPartitionGivesNoRecords(t *testing.T) {
	transport, addr := broker(t)
	answer := read(t, transport, addr, request(0, 0))
	expect(t, answer.Records(Limits{}), 0)
}

func TestABrokersErrorsAreKafkas(t *testing.T) {
	transport, addr := broker(t)
	write(t, transport, addr, 0, 0, kafka.Record{Value: kafka.NewBytes([]byte("v"))})
	fenced, other := request(0, 0), request(0, 0)
	fenced.LeaderEpoch = 100
	other.Topic = "missing"
	for name, c := range map[string]struct {
		r    Request
		want error
	}{
		"out of range": {request(0, 5), kafka.OffsetOutOfRange},
		"epoch":        {fenced, kafka.UnknownLeaderEpoch},
		"partition":    {request(7, 0), kafka.UnknownTopicOrPartition},
		"topic":        {other, kafka.UnknownTopicOrPartition},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := Do(ctx, transport, addr, c.r)
			wantError(t, err, c.want)
		})
	}
}

func TestAnAnswerIsReadToTheEndInSeveral(t *testing.T) {
	transport, addr := broker(t)
	const n = 50
	for i := range n {
		write(t, transport, addr, 0, 0, kafka.Record{Value: kafka.NewBytes([]byte(strings.Repeat("x", 100+i)))})
	}
	r := request(0, 0)
	r.MaxBytes = 1000
	answers := 0
	for seen := 0; seen < n; answers++ {
		c := read(t, transport, addr, r).Records(Limits{})
		all, err := drain(c)
		if err != nil || len(all) == 0 || all[0].Offset != r.Offset || c.Position() != r.Offset+int64(len(all)) {
			t.Fatalf("%d records from %d, position %d, %v", len(all), r.Offset, c.Position(), err)
		}
		seen += len(all)
		r.Offset = c.Position()
	}
	if answers < 5 {
		t.Fatalf("MaxBytes wasn't kept: %d answers", answers)
	}
}

func TestADeadlineEndsAFetch(t *testing.T) {
	transport, addr := broker(t)
	read(t, transport, addr, request(0, 0)).Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r := request(0, 0)
	r.MaxWait = time.Minute
	if _, err := Do(ctx, transport, addr, r); err == nil {
		t.Fatal("no error, and not a minute later")
	}
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/fetch"
)

// inCluster runs a test in fake time with a broker that has a topic of two partitions.
func inCluster(t *testing.T, test func(*kfake.Cluster, *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := &kfake.VirtualNetwork{}
		b, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(network.Listen), kfake.SeedTopics(2, "t"))
		if err != nil {
			t.Fatal(err)
		}
		transport := &kafka.Transport{Dial: network.DialContext}
		defer func() {
			transport.CloseIdleConnections()
			b.Close()
		}()
		test(b, &Client{Transport: transport, Addr: kafka.TCP(b.ListenAddrs()...)})
	})
}

// fill appends n records to partition 0, some in a batch; each has its offset as value.
func fill(t *testing.T, c *Client, n int) {
	t.Helper()
	for i := 0; i < n; {
		var some []Message
		for len(some) < 7 && i < n {
			some = append(some, Message{Value: fmt.Append(nil, i)})
			i++
		}
		if _, err := c.Append(context.Background(), "t", 0, some); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAScanWaitsForAsLongAsAQuotaHoldsItBack(t *testing.T) {
	inCluster(t, func(b *kfake.Cluster, c *Client) {
		fill(t, c, 3)
		const wait = 40 * time.Second // longer than tries are made
		asked := 0
		b.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			b.KeepControl()
			if asked++; asked > 2 {
				return nil, nil, false
			}
			answer := req.ResponseKind().(*kmsg.FetchResponse)
			answer.ThrottleMillis = int32(wait.Milliseconds())
			return answer, nil, true
		})
		began, n := time.Now(), 0
		err := c.Scan(context.Background(), "t", 0, 0, 3, func(*fetch.Record) error { n++; return nil })
		// fetch takes no broker's word for more than 30 s.
		if took := time.Since(began); err != nil || n != 3 || asked != 3 || took < time.Minute || took > 2*wait {
			t.Errorf("%d records by %d fetches in %v: %v", n, asked, took, err)
		}
	})
}

func TestAnAppendIsOverWhenTheQuotaThatItUsedUpTakesAnother(t *testing.T) {
	inCluster(t, func(b *kfake.Cluster, c *Client) {
		const wait = 11 * time.Second
		b.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			answer := req.ResponseKind().(*kmsg.ProduceResponse)
			answer.ThrottleMillis = int32(wait.Milliseconds())
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.BaseOffset = 7
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic, topic.Partitions = "t", append(topic.Partitions, partition)
			answer.Topics = append(answer.Topics, topic)
			return answer, nil, true
		})
		began := time.Now()
		base, err := c.Append(context.Background(), "t", 0, []Message{{Value: []byte("x")}})
		if took := time.Since(began); err != nil || base != 7 || took < wait || took > wait+time.Second {
			t.Errorf("written at %d in %v: %v", base, took, err)
		}
	})
}

func TestAScanGivesEachRecordOfItsRangeOnce(t *testing.T) {
	inCluster(t, func(b *kfake.Cluster, c *Client) {
		fill(t, c, 100)
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 3}) // passes
		scan := func(from, to int64) (got []string) {
			err := c.Scan(context.Background(), "t", 0, from, to, func(r *fetch.Record) error {
				got = append(got, string(r.Value))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := scan(10, 95); len(got) != 85 || got[0] != "10" || got[84] != "94" {
			t.Errorf("%v", got)
		}
		if got := scan(5, 5); got != nil {
			t.Errorf("%v", got)
		}
		if err := b.DeleteRecords("t", 0, 50); err != nil {
			t.Fatal(err)
		}
		if got := scan(10, 60); len(got) != 10 || got[0] != "50" {
			t.Errorf("after retention: %v", got)
		}
		var some []string
		err := c.ScanSome(context.Background(), "t", 0, []int64{3, 49, 50, 51, 77, 99, 200}, func(r *fetch.Record) error {
			some = append(some, string(r.Value))
			return nil
		})
		if err == nil || strings.Join(some, " ") != "50 51 77 99" {
			t.Errorf("some: %v, %v; want those that are there, and an error for the one behind the end", some, err)
		}
	})
}

func TestWhatACallerRefusesEndsAScan(t *testing.T) {
	inCluster(t, func(_ *kfake.Cluster, c *Client) {
		fill(t, c, 20)
		enough := errors.New("enough")
		for name, scan := range map[string]func(func(*fetch.Record) error) error{
			"all": func(f func(*fetch.Record) error) error { return c.Scan(context.Background(), "t", 0, 0, 20, f) },
			"some": func(f func(*fetch.Record) error) error {
				return c.ScanSome(context.Background(), "t", 0, []int64{1, 2, 9}, f)
			},
		} {
			n := 0
			err := scan(func(*fetch.Record) error {
				if n++; n == 2 {
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) || n != 2 {
				t.Errorf("%s: %v after %d", name, err, n)
			}
		}
	})
}

func TestAppendRepeatsWhatPassesAndSaysWhereItStands(t *testing.T) {
	inCluster(t, func(b *kfake.Cluster, c *Client) {
		var told sync.Map
		c.Tell = func(err error) { told.Store(err.Error(), true) }
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 3})
		if at, err := c.Append(context.Background(), "t", 1, []Message{{Value: []byte("a")}, {Key: []byte("k")}}); err != nil || at != 0 {
			t.Errorf("at %d, %v", at, err)
		}
		if at, err := c.Append(context.Background(), "t", 1, []Message{{}}); err != nil || at != 2 {
			t.Errorf("at %d, %v", at, err)
		}
		n := 0
		told.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d things are told", n)
		}
		r, err := c.Read(context.Background(), "t", 1, 1)
		if err != nil || string(r.Key) != "k" || r.Value != nil {
			t.Errorf("%+v %v", r, err)
		}
		if r, err := c.Read(context.Background(), "t", 1, 7); err != nil || r != nil {
			t.Errorf("%+v %v", r, err)
		}
		begun := time.Now()
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		if _, err := c.Append(context.Background(), "t", 1, []Message{{}}); !errors.Is(err, kafka.NotEnoughReplicas) || time.Since(begun) < 20*time.Second || time.Since(begun) > 40*time.Second {
			t.Errorf("%v after %v, want patience of 30 s", err, time.Since(begun))
		}
	})
}

func TestWhatIsForGoodIsToldAtOnce(t *testing.T) {
	inCluster(t, func(b *kfake.Cluster, c *Client) {
		begun := time.Now()
		if _, err := c.Partitions(context.Background(), "none"); !errors.Is(err, ErrMissing) {
			t.Error(err)
		}
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
		if _, err := c.Append(context.Background(), "t", 0, []Message{{}}); !Denied(err) {
			t.Error(err)
		}
		if time.Since(begun) > time.Second {
			t.Errorf("it took %v", time.Since(begun))
		}
		if p, err := c.Partitions(context.Background(), "t"); err != nil || len(p) != 2 {
			t.Error(p, err)
		}
	})
}

func TestAGroupThatNobodyJoinedHasNoCommitsAndNoMembers(t *testing.T) {
	inCluster(t, func(_ *kfake.Cluster, c *Client) {
		commits, err := c.Commits(context.Background(), "g", "t", []int32{0, 1})
		if err != nil || len(commits) != 0 {
			t.Error(commits, err)
		}
		if n, _, err := c.Members(context.Background(), "g"); err != nil || n != 0 {
			t.Error(n, err)
		}
	})
}

func TestTimesAreFound(t *testing.T) {
	inCluster(t, func(_ *kfake.Cluster, c *Client) {
		fill(t, c, 7)
		time.Sleep(time.Hour)
		fill(t, c, 7)
		for ago, want := range map[time.Duration]int64{2 * time.Hour: 0, 30 * time.Minute: 7, -time.Hour: -1} {
			if at, err := c.At(context.Background(), "t", 0, time.Now().Add(-ago)); err != nil || at != want {
				t.Errorf("%v ago: %d, %v, want %d", ago, at, err, want)
			}
		}
	})
}

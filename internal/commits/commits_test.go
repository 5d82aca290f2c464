package commits

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// asking runs a test in fake time with a broker at which group g has committed for partitions 0 and 2 of topic t.
func asking(t *testing.T, test func(*testing.T, *kfake.Cluster, *Source)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := &kfake.VirtualNetwork{}
		b, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(network.Listen), kfake.SeedTopics(3, "t"))
		if err != nil {
			t.Fatal(err)
		}
		transport := &kafka.Transport{Dial: network.DialContext}
		defer func() {
			transport.CloseIdleConnections()
			b.Close()
		}()
		s := &Source{Transport: transport, Addr: kafka.TCP(b.ListenAddrs()...), Group: "g"}
		client := &kafka.Client{Addr: s.Addr, Transport: transport}
		answer, err := client.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{
			GroupID: "g", GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{"t": {{Partition: 0, Offset: 7, Metadata: "as we like it"}, {Partition: 2, Offset: 9}}},
		})
		if err != nil || answer.Topics["t"][0].Error != nil {
			t.Fatal(answer, err)
		}
		test(t, b, s)
	})
}

var stored = map[int32]Commit{0: {7, "as we like it"}, 2: {9, ""}}

func TestWhatIsStableIsAskedFor(t *testing.T) {
	asking(t, func(t *testing.T, b *kfake.Cluster, s *Source) {
		stable := false
		b.ControlKey(int16(kmsg.OffsetFetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
			stable = q.(*kmsg.OffsetFetchRequest).RequireStable
			return nil, nil, false
		})
		got, err := s.Read(t.Context(), "t", 0, 1, 2)
		if err != nil || !maps.Equal(got, stored) || !stable {
			t.Errorf("%+v, %v, stable: %v", got, err, stable)
		}
	})
}

// What a broker of Kafka 2.1 to 2.4 speaks.
func TestBrokersThatKnowNoStableReadsAreAskedPlainly(t *testing.T) {
	for version := int16(1); version < 7; version++ {
		asking(t, func(t *testing.T, b *kfake.Cluster, s *Source) {
			b.ControlKey(int16(kmsg.ApiVersions), func(q kmsg.Request) (kmsg.Response, error, bool) {
				b.KeepControl()
				answer := q.ResponseKind().(*kmsg.ApiVersionsResponse)
				for key := range kmsg.MaxKey + 1 {
					if r := kmsg.RequestForKey(int16(key)); r != nil {
						k := kmsg.NewApiVersionsResponseApiKey()
						k.ApiKey, k.MaxVersion = int16(key), r.MaxVersion()
						if key == int(kmsg.OffsetFetch) {
							k.MaxVersion = version
						}
						answer.ApiKeys = append(answer.ApiKeys, k)
					}
				}
				return answer, nil, true
			})
			s.Transport.(*kafka.Transport).CloseIdleConnections() // the versions are asked for by connection
			asked := int16(-1)
			b.ControlKey(int16(kmsg.OffsetFetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
				asked = q.GetVersion()
				return nil, nil, false
			})
			got, err := s.Read(t.Context(), "t", 0, 1, 2)
			if err != nil || !maps.Equal(got, stored) || asked != version {
				t.Errorf("%+v, %v, with version %d instead of %d", got, err, asked, version)
			}
		})
	}
}

func TestWhatCantBeToldIsNoCommit(t *testing.T) {
	asking(t, func(t *testing.T, b *kfake.Cluster, s *Source) {
		if got, err := s.Read(t.Context(), "t"); err != nil || len(got) != 0 {
			t.Error("no partition:", got, err)
		}
		if got, err := s.Read(t.Context(), "other", 0); err != nil || len(got) != 0 {
			t.Error("another topic:", got, err)
		}
		if got, err := (&Source{Transport: s.Transport, Addr: s.Addr, Group: "nobody's"}).Read(t.Context(), "t", 0); !errors.Is(err, kafka.GroupIdNotFound) {
			t.Error("another group:", got, err)
		}
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnstableOffsetCommit, Count: 1})
		if got, err := s.Read(t.Context(), "t", 0); !errors.Is(err, kafka.UnstableOffsetCommit) {
			t.Error("a transaction is open:", got, err)
		}
		b.ControlKey(int16(kmsg.OffsetFetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
			return q.ResponseKind(), nil, true
		})
		if got, err := s.Read(t.Context(), "t", 0); err == nil || !strings.Contains(err.Error(), "partition 0: it isn't in the answer") {
			t.Error("an empty answer:", got, err)
		}
	})
}

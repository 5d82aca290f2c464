package world

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/heartbeat"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestAFrameIsTheRequestThatWasSent(t *testing.T) {
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Version, commit.Group, commit.MemberID, commit.Generation = 7, "roomrelay", "m-1", 3
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "chat", Partitions: []kmsg.OffsetCommitRequestTopicPartition{
		{Partition: 2, Offset: 40, LeaderEpoch: -1, Metadata: new("roomrelay/1:40:50::")},
		{Partition: 3, Offset: 41, LeaderEpoch: -1},
	}}}
	flexible := *commit // its header has tags, and its texts other lengths
	flexible.Version = 8
	fetch := kmsg.NewPtrFetchRequest()
	fetch.Version, fetch.MinBytes, fetch.MaxBytes = 11, 1, 1<<20
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "chat", Partitions: []kmsg.FetchRequestTopicPartition{
		{Partition: 1, CurrentLeaderEpoch: -1, FetchOffset: 99, LastFetchedEpoch: -1, LogStartOffset: -1, PartitionMaxBytes: 1 << 16},
	}}}
	for _, want := range []kmsg.Request{commit, &flexible, fetch} {
		f, ok := frame(wire(want))
		if !ok || f.Key != want.Key() || f.version != want.GetVersion() {
			t.Errorf("%T v%d: %v, key %d, version %d", want, want.GetVersion(), ok, f.Key, f.version)
			continue
		}
		got := f.Request()
		if got == nil || !bytes.Equal(wire(got), wire(want)) || reflect.TypeOf(got) != reflect.TypeOf(want) {
			t.Errorf("%T v%d: %+v, want %+v", want, want.GetVersion(), got, want)
		}
	}
}

func TestAFrameIsWhatKafkaGoWrites(t *testing.T) {
	var sent bytes.Buffer
	err := protocol.WriteRequest(&sent, 4, 1, "test", &heartbeat.Request{GroupID: "roomrelay", GenerationID: 9, MemberID: "m-1"})
	if err != nil {
		t.Fatal(err)
	}
	f, ok := frame(sent.Bytes())
	if !ok {
		t.Fatal("it is none")
	}
	q, ok := f.Request().(*kmsg.HeartbeatRequest)
	if !ok || q.Group != "roomrelay" || q.Generation != 9 || q.MemberID != "m-1" {
		t.Errorf("%+v", q)
	}
}

func TestWhatIsNoWholeRequestIsNoFrame(t *testing.T) {
	whole := wire(&kmsg.HeartbeatRequest{Version: 4, Group: "roomrelay"})
	for name, p := range map[string][]byte{
		"nothing":         nil,
		"half":            whole[:len(whole)/2],
		"all but a byte":  whole[:len(whole)-1],
		"without size":    whole[4:],
		"two":             append(append([]byte(nil), whole...), whole...),
		"one and a byte":  append(append([]byte(nil), whole...), 0),
		"header cut":      {0, 0, 0, 7, 0, 12, 0, 4, 0, 0, 0},
		"a call over TLS": {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3, 3, 0},
		"a call":          []byte("POST /nimserver/chatroom HTTP/1.1\r\n\r\n"),
	} {
		if f, ok := frame(p); ok {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if _, ok := frame(whole); !ok {
		t.Error("the whole isn't one either")
	}
}

func TestARequestThatCannotBeReadIsNone(t *testing.T) {
	cut := wire(&kmsg.OffsetCommitRequest{Version: 7, Group: "roomrelay", Topics: []kmsg.OffsetCommitRequestTopic{{Topic: "chat"}}})
	cut = cut[:len(cut)-6]
	binary.BigEndian.PutUint32(cut, uint32(len(cut)-4))
	unknown := wire(&kmsg.HeartbeatRequest{Version: 4})
	binary.BigEndian.PutUint16(unknown[4:], 9999)
	for name, p := range map[string][]byte{"its body ends early": cut, "an unknown key": unknown} {
		f, ok := frame(p)
		if !ok {
			t.Fatalf("%s: no frame", name)
		}
		if q := f.Request(); q != nil {
			t.Errorf("%s: %+v", name, q)
		}
	}
}

func TestTheCodeOfAnAnswerIsWhatTheBrokerSaid(t *testing.T) {
	for _, code := range []int16{0, kerr.RebalanceInProgress.Code, kerr.UnknownMemberID.Code, kerr.UnknownServerError.Code} {
		for _, answer := range []kmsg.Response{
			&kmsg.HeartbeatResponse{Version: 4, ThrottleMillis: 70_000, ErrorCode: code},
			&kmsg.HeartbeatResponse{Version: 3, ThrottleMillis: 70_000, ErrorCode: code}, // without tags
			&kmsg.SyncGroupResponse{Version: 5, ThrottleMillis: 70_000, ErrorCode: code, ProtocolType: new("consumer"), MemberAssignment: []byte("what follows is no matter")},
			&kmsg.SyncGroupResponse{Version: 3, ThrottleMillis: 70_000, ErrorCode: code},
		} {
			p := []byte{0, 0, 0, 0, 0, 0, 0, 7} // size and correlation id
			if answer.IsFlexible() {
				p = append(p, 0)
			}
			p = answer.AppendTo(p)
			binary.BigEndian.PutUint32(p, uint32(len(p)-4))
			f := Frame{Key: answer.Key(), version: answer.GetVersion(), body: p}
			if got, ok := f.Code(); got != code || !ok {
				t.Errorf("%T v%d: %d, %v, want %d", answer, answer.GetVersion(), got, ok, code)
			}
			for _, n := range []int{0, 4, 8, 12} { // all of it ends before the code does
				f.body = p[:n]
				if got, ok := f.Code(); ok {
					t.Errorf("%T v%d, %d bytes: %d", answer, answer.GetVersion(), n, got)
				}
			}
		}
	}
}

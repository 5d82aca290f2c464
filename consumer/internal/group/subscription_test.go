package group

import (
	"bytes"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestOtherClientsCanReadASubscription(t *testing.T) {
	var k kmsg.ConsumerMemberMetadata
	if err := k.ReadFrom(encodeSubscription("chat", []int32{3, 5}, 7)); err != nil {
		t.Fatal(err)
	}
	if k.Version != 3 || !slices.Equal(k.Topics, []string{"chat"}) || k.Generation != 7 || k.Rack != nil ||
		len(k.OwnedPartitions) != 1 || !slices.Equal(k.OwnedPartitions[0].Partitions, []int32{3, 5}) {
		t.Fatalf("read %+v", k)
	}
	if err := k.ReadFrom(encodeSubscription("chat", nil, -1)); err != nil || k.Generation != -1 {
		t.Fatalf("read %+v, %v", k, err)
	}
}

func TestASubscriptionOfAnyVersionIsRead(t *testing.T) {
	for version := range int16(4) {
		k := kmsg.NewConsumerMemberMetadata()
		k.Version = version
		k.Topics = []string{"other", "chat"}
		k.UserData = []byte{0, 0, 0, 9}
		k.Generation = 9
		k.OwnedPartitions = []kmsg.ConsumerMemberMetadataOwnedPartition{{Topic: "chat", Partitions: []int32{1, 2}}}
		s, err := decodeSubscription(k.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.topics, k.Topics) || s.generation != 9 {
			t.Fatalf("version %d: read %+v", version, s)
		}
		if version > 0 && !slices.Equal(s.owned["chat"], []int32{1, 2}) {
			t.Fatalf("version %d: owned %v", version, s.owned)
		}
	}
}

// And a coordinator finds no user data in it, for the sake of which it would refuse to change the group's protocol (KIP-848).
func TestOtherClientsCanReadAnAssignment(t *testing.T) {
	b := encodeAssignment("chat", []int32{0, 4})
	var k kmsg.ConsumerMemberAssignment
	if err := k.ReadFrom(b); err != nil || len(k.Topics) != 1 || len(k.UserData) != 0 || !slices.Equal(k.Topics[0].Partitions, []int32{0, 4}) {
		t.Fatalf("read %+v, %v", k, err)
	}
	if got, err := decodeAssignment(b, "chat"); err != nil || !slices.Equal(got, []int32{0, 4}) {
		t.Fatalf("read %v, %v", got, err)
	}
	if got, err := decodeAssignment(nil, "chat"); err != nil || len(got) != 0 {
		t.Fatalf("empty: %v, %v", got, err)
	}
}

func FuzzMemberMetadata(f *testing.F) {
	f.Add(encodeSubscription("chat", []int32{3, 5}, 7))
	f.Add(encodeAssignment("chat", []int32{0, 4}))
	f.Add([]byte{0, 3, 0x7f, 0xff, 0xff, 0xff, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		s, err := decodeSubscription(b)
		if n := len(s.topics); n > len(b) {
			t.Fatalf("%d topics of %d bytes", n, len(b))
		}
		if err == nil && len(b) < 2 {
			t.Fatal("a subscription without a version was accepted")
		}
		if p, _ := decodeAssignment(b, "chat"); len(p) > len(b) {
			t.Fatalf("%d partitions of %d bytes", len(p), len(b))
		}
		if !bytes.Equal(before, b) {
			t.Fatal("the input was changed")
		}
	})
}

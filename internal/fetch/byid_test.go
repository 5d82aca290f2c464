package fetch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

func TestATopicIsReadByItsID(t *testing.T) {
	transport, addr := broker(t)
	id, err := ReadTopicID(t.Context(), transport, addr, "tester", "chat")
	if err != nil || id == (TopicID{}) || len(id.String()) != 22 {
		t.Fatalf("id %q, %v", id, err)
	}
	for i, codec := range codecs {
		write(t, transport, addr, 1, codec, kafka.Record{Value: kafka.NewBytes([]byte("value"))})
		r := request(1, int64(i))
		r.ID, r.ClientID = id, "tester"
		answer := read(t, transport, addr, r)
		expect(t, answer.Records(Limits{}), int64(i+1), "value")
		if answer.HighWatermark != int64(i+1) || answer.LastStable != int64(i+1) || answer.LogStart != 0 {
			t.Fatalf("%+v", answer)
		}
	}
	if id, err := ReadTopicID(t.Context(), transport, addr, "", "no such topic"); err != nil || id.String() != "" {
		t.Errorf("no topic: id %q, %v", id, err)
	}
}

// Both travel over connections that kafka-go's own requests use too, before and after.
func TestAnotherTopicIsNotRead(t *testing.T) {
	transport, addr := broker(t)
	write(t, transport, addr, 1, 0, kafka.Record{Value: kafka.NewBytes([]byte("value"))})
	r := request(1, 0)
	r.ID = TopicID{1, 2, 3}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for range 3 {
		if _, err := Do(ctx, transport, addr, r); !errors.Is(err, ErrOtherTopic) {
			t.Fatalf("error %v", err)
		}
		expect(t, read(t, transport, addr, request(1, 0)).Records(Limits{}), 1, "value")
	}
}

func TestOlderBrokersDontKnowIDs(t *testing.T) {
	for name, x := range map[string]struct {
		version        *kversion.Versions
		tells, fetches bool
	}{
		"2.7": {kversion.V2_7_0(), false, false},
		"2.8": {kversion.V2_8_0(), true, false},
		"3.1": {kversion.V3_1_0(), true, true},
		"4.0": {kversion.V4_0_0(), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			transport, addr := broker(t, kfake.MaxVersions(x.version))
			tells, fetches, err := KnowsIDs(t.Context(), transport, addr)
			if err != nil || tells != x.tells || fetches != x.fetches {
				t.Fatalf("tells %v, fetches %v, %v", tells, fetches, err)
			}
		})
	}
}

// answerByID is a Fetch response, version 13, from behind its header on.
func answerByID(id TopicID, partition int32, code int16, aborted []aborted, records string) []byte {
	b := make([]byte, 10) // not throttled, no error, no session
	b = append(b, 2)
	b = append(b, id[:]...)
	b = append(b, 2)
	b = binary.BigEndian.AppendUint32(b, uint32(partition))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	for _, x := range []uint64{30, 20, 10} {
		b = binary.BigEndian.AppendUint64(b, x)
	}
	b = binary.AppendUvarint(b, uint64(len(aborted)+1))
	for _, x := range aborted {
		b = binary.BigEndian.AppendUint64(b, uint64(x.producer))
		b = binary.BigEndian.AppendUint64(b, uint64(x.first))
		b = append(b, 1, 7, 2, 0xab, 0xcd) // a tag that nobody knows
	}
	b = binary.BigEndian.AppendUint32(b, 0xffffffff)
	b = appendCompact(b, records)
	return append(b, noTags, noTags, noTags)
}

func TestAnAnswerByIDIsParsed(t *testing.T) {
	id := TopicID{1, 2, 3}
	list := []aborted{{102, 9}, {101, 7}}
	a, err := (&byIDResponse{body: answerByID(id, 4, 0, list, "records")}).parse(id, 4)
	if err != nil || a.high != 30 || a.stable != 20 || a.start != 10 || string(a.records) != "records" {
		t.Fatalf("%+v, %v", a, err)
	}
	if !slices.Equal(a.aborted, []aborted{{101, 7}, {102, 9}}) {
		t.Fatalf("aborted, by first offset: %v", a.aborted)
	}
	for name, x := range map[string]struct {
		body []byte
		want string
	}{
		"another topic's":     {answerByID(TopicID{9}, 4, 0, nil, ""), "answer about topic"},
		"another partition's": {answerByID(id, 5, 0, nil, ""), "answer about partition 5"},
		"an error":            {answerByID(id, 4, 1, nil, ""), kafka.OffsetOutOfRange.Error()},
		"none":                {nil, errShort.Error()},
	} {
		if _, err := (&byIDResponse{body: x.body}).parse(id, 4); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := answerByID(id, 4, 0, list, "records")
	for n := range len(whole) - 3 { // the tags at the end aren't missed
		if _, err := (&byIDResponse{body: whole[:n]}).parse(id, 4); err == nil {
			t.Fatalf("the first %d bytes are taken for an answer", n)
		}
	}
}

func FuzzAnswerByID(f *testing.F) {
	id := TopicID{1, 2, 3}
	f.Add(answerByID(id, 4, 0, []aborted{{1, 2}}, "records"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := (&byIDResponse{body: data}).parse(id, 4); err == nil && len(a.records)+16*len(a.aborted) > len(data) {
			t.Fatal("more than the data")
		}
	})
}

func FuzzTopicID(f *testing.F) {
	b := []byte{0, 0, 0, 0, 2, 0, 0, 0, 1, 2, 'h', 0, 0, 0, 0, 0, 0, 2, 'c', 0, 0, 0, 1, 2, 0, 0, 5}
	b = append(append(b, "chat"...), make([]byte, 15)...)
	f.Add(append(b, 7))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := parseID(data); err == nil && !bytes.Contains(data, r.id[:]) {
			t.Fatal("an id that isn't there")
		}
	})
}

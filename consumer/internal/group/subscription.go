package group

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// protocolName is the assignor's name that Java, librdkafka and franz-go use for the same contract, so
// that a leader of another kind can plan for us and we for it.
const protocolName = "cooperative-sticky"

// subscription is what a member says of itself when it joins (ConsumerProtocolSubscription).
type subscription struct {
	topics     []string
	owned      map[string][]int32
	generation int32 // -1: not told
}

// encodeSubscription writes version 3. The user data repeats the generation, where leaders older than
// version 2 of the subscription look for it.
func encodeSubscription(topic string, owned []int32, generation int32) []byte {
	b := binary.BigEndian.AppendUint16(nil, 3)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = appendString(b, topic)
	b = binary.BigEndian.AppendUint32(b, 4)
	b = binary.BigEndian.AppendUint32(b, uint32(generation))
	b = appendTopicPartitions(b, topic, owned)
	b = binary.BigEndian.AppendUint32(b, uint32(generation))
	return append(b, 0xff, 0xff) // no rack
}

// decodeSubscription reads versions 0 to 3, and of later ones the fields of 3: versions only add fields.
func decodeSubscription(b []byte) (subscription, error) {
	s := subscription{owned: map[string][]int32{}, generation: -1}
	r := &reader{b: b}
	version := r.int16()
	for range r.count(2) {
		s.topics = append(s.topics, r.string())
	}
	user := r.bytes()
	if version < 2 && len(user) >= 4 {
		s.generation = int32(binary.BigEndian.Uint32(user))
	}
	if version >= 1 {
		r.topicPartitions(s.owned)
	}
	if version >= 2 {
		s.generation = r.int32()
	}
	if version < 0 {
		r.fail()
	}
	return s, r.err
}

// encodeAssignment writes version 0. There is no user data in it: a group whose assignments have any can't change to the
// protocol of KIP-848, since it would be lost.
func encodeAssignment(topic string, partitions []int32) []byte {
	b := binary.BigEndian.AppendUint16(nil, 0)
	b = appendTopicPartitions(b, topic, partitions)
	return binary.BigEndian.AppendUint32(b, 0)
}

// decodeAssignment returns the partitions of topic. Nothing at all is an empty assignment: a broker that assigns by
// itself (KIP-848) may say so.
func decodeAssignment(b []byte, topic string) (partitions []int32, err error) {
	if len(b) == 0 {
		return nil, nil
	}
	r := &reader{b: b}
	if r.int16() < 0 {
		r.fail()
	}
	all := map[string][]int32{}
	r.topicPartitions(all)
	partitions = all[topic]
	slices.Sort(partitions)
	return slices.Compact(partitions), r.err
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func appendTopicPartitions(b []byte, topic string, partitions []int32) []byte {
	if len(partitions) == 0 {
		return binary.BigEndian.AppendUint32(b, 0)
	}
	b = binary.BigEndian.AppendUint32(b, 1)
	b = appendString(b, topic)
	b = binary.BigEndian.AppendUint32(b, uint32(len(partitions)))
	for _, p := range partitions {
		b = binary.BigEndian.AppendUint32(b, uint32(p))
	}
	return b
}

var errShort = errors.New("malformed member metadata")

// reader reads what other members wrote: it checks every length, and after an error it gives zeroes.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %d bytes left", errShort, len(r.b))
	}
	r.b = nil
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) string() string { return string(r.take(int(r.int16()))) }

// bytes reads nullable bytes.
func (r *reader) bytes() []byte {
	n := r.int32()
	if n < 0 {
		return nil
	}
	return r.take(int(n))
}

// count reads an array's length and refuses one that can't fit into what is left, given the least size
// of an element: the loop over it stays as short as the input. A null array is an empty one.
func (r *reader) count(least int) int {
	n := int(r.int32())
	if n < 0 {
		return 0
	}
	if n > len(r.b)/least {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) topicPartitions(into map[string][]int32) {
	for range r.count(6) {
		topic := r.string()
		for range r.count(4) {
			into[topic] = append(into[topic], r.int32())
		}
	}
}

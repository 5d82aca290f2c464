package fetch

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// TopicID tells topics apart that bear the same name one after the other (KIP-516). The zero value is no topic's.
type TopicID [16]byte

// String is the form that Kafka's own tools show; "" for the zero value.
func (id TopicID) String() string {
	if id == (TopicID{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// The first versions with topic ids: of Metadata in Kafka 2.8, of Fetch in 3.1.
const (
	metadataByID = 10
	fetchByID    = 13
)

// KnowsIDs asks a broker whether it tells topics' ids, and whether it takes fetches by them. Those of one cluster do
// or don't together, but for the time of an upgrade.
func KnowsIDs(ctx context.Context, transport kafka.RoundTripper, addr net.Addr) (tells, fetches bool, err error) {
	client := kafka.Client{Addr: addr, Transport: transport}
	answer, err := client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return false, false, fmt.Errorf("asking for the brokers' versions: %w", err)
	}
	for _, k := range answer.ApiKeys {
		switch protocol.ApiKey(k.ApiKey) {
		case protocol.Metadata:
			tells = k.MinVersion <= metadataByID && metadataByID <= k.MaxVersion
		case protocol.Fetch:
			fetches = k.MinVersion <= fetchByID && fetchByID <= k.MaxVersion
		}
	}
	return tells, tells && fetches, nil
}

// ReadTopicID asks a broker for a topic's id. Without such a topic it is zero.
func ReadTopicID(ctx context.Context, transport kafka.RoundTripper, addr net.Addr, clientID, topic string) (TopicID, error) {
	m, err := transport.RoundTrip(ctx, addr, &idRequest{topic: topic, clientID: clientID})
	if err != nil {
		return TopicID{}, err
	}
	answer, ok := m.(*idResponse)
	switch {
	case !ok:
		return TopicID{}, fmt.Errorf("unexpected answer %T", m)
	case answer.code == kafka.UnknownTopicOrPartition:
		return TopicID{}, nil
	case answer.code != 0 && answer.id == (TopicID{}):
		return TopicID{}, answer.code
	}
	return answer.id, nil
}

// idRequest is Metadata. kafka-go's Transport needs its own type for it, which is of older versions: one type stands for
// an API in all that it sends. So this one writes and reads by itself.
type idRequest struct{ topic, clientID string }

// idResponse has the id of one topic.
type idResponse struct {
	code kafka.Error
	id   TopicID
}

func (*idRequest) ApiKey() protocol.ApiKey  { return protocol.Metadata } //nolint:revive // the name is that of protocol.Message
func (*idResponse) ApiKey() protocol.ApiKey { return protocol.Metadata } //nolint:revive // the name is that of protocol.Message

// Required implements protocol.RawExchanger.
func (*idRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (r *idRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	b := []byte{2}                     // one topic
	b = append(b, make([]byte, 16)...) // by its name
	b = appendCompact(b, r.topic)
	b = append(b, noTags)
	b = append(b, 0, 0, 0, noTags) // it isn't to be made, and no permissions are to be told
	answer, buffer, err := exchange(rw, protocol.Metadata, metadataByID, r.clientID, b)
	if err != nil {
		return nil, err
	}
	defer returnBuffer(buffer)
	return parseID(answer)
}

// parseID reads an answer up to its first topic's id.
func parseID(body []byte) (*idResponse, error) {
	f := fields{rest: body}
	f.int32() // throttled
	for n := f.count(); n > 0 && f.err == nil; n-- {
		f.int32()   // node
		f.compact() // host
		f.int32()   // port
		f.compact() // rack
		f.tags()
	}
	f.compact() // cluster
	f.int32()   // controller
	if n := f.count(); n != 1 && f.err == nil {
		return nil, fmt.Errorf("answer about %d topics", n)
	}
	r := &idResponse{code: kafka.Error(f.int16())}
	f.compact() // name
	copy(r.id[:], f.next(len(r.id)))
	if f.err != nil {
		return nil, f.err
	}
	return r, nil
}

// ErrOtherTopic says that brokers know of no topic of that id, though they may of one that bears its name.
var ErrOtherTopic = errors.New("the topic isn't there any more")

// The codes that brokers answer such a fetch with, which kafka-go has no names for.
const (
	unknownTopicID      kafka.Error = 100
	inconsistentTopicID kafka.Error = 103
)

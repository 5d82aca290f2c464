package commits

import "github.com/segmentio/kafka-go/protocol"

func init() { protocol.Register(&request{}, &response{}) }

// request is OffsetFetch. Version 6 is the first in the encoding of KIP-482, version 7 the first with RequireStable.
type request struct {
	_ struct{} `kafka:"min=v6,max=v7,tag"`

	GroupID       string         `kafka:"min=v1,max=v7"`
	Topics        []requestTopic `kafka:"min=v1,max=v7,nullable"`
	RequireStable bool           `kafka:"min=v7,max=v7"`
}

type requestTopic struct {
	Name             string  `kafka:"min=v1,max=v7"`
	PartitionIndexes []int32 `kafka:"min=v1,max=v7"`
}

func (r *request) ApiKey() protocol.ApiKey { return protocol.OffsetFetch } //nolint:revive // the name is that of protocol.Message

// Group sends the request to the group's coordinator.
func (r *request) Group() string { return r.GroupID }

type response struct {
	_ struct{} `kafka:"min=v6,max=v7,tag"`

	ThrottleTimeMS int32           `kafka:"min=v3,max=v7"`
	Topics         []responseTopic `kafka:"min=v1,max=v7"`
	ErrorCode      int16           `kafka:"min=v2,max=v7"`
}

type responseTopic struct {
	Name       string              `kafka:"min=v1,max=v7"`
	Partitions []responsePartition `kafka:"min=v1,max=v7"`
}

type responsePartition struct {
	PartitionIndex       int32  `kafka:"min=v1,max=v7"`
	CommittedOffset      int64  `kafka:"min=v1,max=v7"`
	CommittedLeaderEpoch int32  `kafka:"min=v5,max=v7"`
	Metadata             string `kafka:"min=v1,max=v7,nullable"`
	ErrorCode            int16  `kafka:"min=v1,max=v7"`
}

func (r *response) ApiKey() protocol.ApiKey { return protocol.OffsetFetch } //nolint:revive // the name is that of protocol.Message

// of returns what is said of a topic's partitions.
func (r *response) of(topic string) map[int32]responsePartition {
	told := map[int32]responsePartition{}
	for _, t := range r.Topics {
		if t.Name != topic {
			continue
		}
		for _, p := range t.Partitions {
			told[p.PartitionIndex] = p
		}
	}
	return told
}

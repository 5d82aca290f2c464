package group

import (
	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

func init() {
	protocol.Register(&joinRequest{}, &joinResponse{})
	protocol.Register(&heartbeatRequest{}, &heartbeatResponse{})
	protocol.Register(&leaveRequest{}, &leaveResponse{})
	protocol.Register(&commitRequest{}, &commitResponse{})
}

// joinRequest is JoinGroup. Version 8 added Reason (KIP-800), version 9 SkipAssignment (KIP-814), without
// which the leader of static members that restarts isn't told that it leads.
type joinRequest struct {
	_ struct{} `kafka:"min=v6,max=v9,tag"`

	GroupID            string         `kafka:"min=v2,max=v9"`
	SessionTimeoutMS   int32          `kafka:"min=v2,max=v9"`
	RebalanceTimeoutMS int32          `kafka:"min=v2,max=v9"`
	MemberID           string         `kafka:"min=v2,max=v9"`
	GroupInstanceID    string         `kafka:"min=v5,max=v9,nullable"`
	ProtocolType       string         `kafka:"min=v2,max=v9"`
	Protocols          []joinProtocol `kafka:"min=v2,max=v9"`
	Reason             string         `kafka:"min=v8,max=v9,nullable"`
}

type joinProtocol struct {
	Name     string `kafka:"min=v2,max=v9"`
	Metadata []byte `kafka:"min=v2,max=v9"`
}

func (r *joinRequest) ApiKey() protocol.ApiKey { return protocol.JoinGroup }

// Group sends the request to the group's coordinator.
func (r *joinRequest) Group() string { return r.GroupID }

type joinResponse struct {
	_ struct{} `kafka:"min=v6,max=v9,tag"`

	ThrottleTimeMS int32        `kafka:"min=v2,max=v9"`
	ErrorCode      int16        `kafka:"min=v2,max=v9"`
	GenerationID   int32        `kafka:"min=v2,max=v9"`
	ProtocolType   string       `kafka:"min=v7,max=v9,nullable"`
	ProtocolName   string       `kafka:"min=v2,max=v6|min=v7,max=v9,nullable"`
	LeaderID       string       `kafka:"min=v2,max=v9"`
	SkipAssignment bool         `kafka:"min=v9,max=v9"`
	MemberID       string       `kafka:"min=v2,max=v9"`
	Members        []joinMember `kafka:"min=v2,max=v9"`
}

type joinMember struct {
	MemberID        string `kafka:"min=v2,max=v9"`
	GroupInstanceID string `kafka:"min=v5,max=v9,nullable"`
	Metadata        []byte `kafka:"min=v2,max=v9"`
}

func (r *joinResponse) ApiKey() protocol.ApiKey { return protocol.JoinGroup }

type heartbeatRequest struct {
	_ struct{} `kafka:"min=v4,max=v4,tag"`

	GroupID         string `kafka:"min=v0,max=v4"`
	GenerationID    int32  `kafka:"min=v0,max=v4"`
	MemberID        string `kafka:"min=v0,max=v4"`
	GroupInstanceID string `kafka:"min=v3,max=v4,nullable"`
}

func (r *heartbeatRequest) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

// Group sends the request to the group's coordinator; kafka-go's own type lacks it and goes to any broker.
func (r *heartbeatRequest) Group() string { return r.GroupID }

type heartbeatResponse struct {
	_ struct{} `kafka:"min=v4,max=v4,tag"`

	ThrottleTimeMS int32 `kafka:"min=v1,max=v4"`
	ErrorCode      int16 `kafka:"min=v0,max=v4"`
}

func (r *heartbeatResponse) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

type leaveRequest struct {
	_ struct{} `kafka:"min=v4,max=v4,tag"`

	GroupID  string        `kafka:"min=v0,max=v4"`
	MemberID string        `kafka:"min=v0,max=v2"`
	Members  []leaveMember `kafka:"min=v3,max=v4"`
}

type leaveMember struct {
	MemberID        string `kafka:"min=v3,max=v4"`
	GroupInstanceID string `kafka:"min=v3,max=v4,nullable"`
}

func (r *leaveRequest) ApiKey() protocol.ApiKey { return protocol.LeaveGroup }

// Group sends the request to the group's coordinator.
func (r *leaveRequest) Group() string { return r.GroupID }

type leaveResponse struct {
	_ struct{} `kafka:"min=v4,max=v4,tag"`

	ThrottleTimeMS int32        `kafka:"min=v1,max=v4"`
	ErrorCode      int16        `kafka:"min=v0,max=v4"`
	Members        []leftMember `kafka:"min=v3,max=v4"`
}

type leftMember struct {
	MemberID        string `kafka:"min=v3,max=v4"`
	GroupInstanceID string `kafka:"min=v3,max=v4,nullable"`
	ErrorCode       int16  `kafka:"min=v3,max=v4"`
}

func (r *leaveResponse) ApiKey() protocol.ApiKey { return protocol.LeaveGroup }

// commitRequest is OffsetCommit. kafka-go's own type looks for the coordinator on its way, and doesn't tell whether it was
// that what failed, and so whether the commit was sent. kafka.Client.OffsetCommit can't be used beside this type.
type commitRequest struct {
	GroupID         string        `kafka:"min=v2,max=v7"`
	GenerationID    int32         `kafka:"min=v2,max=v7"`
	MemberID        string        `kafka:"min=v2,max=v7"`
	RetentionTimeMS int64         `kafka:"min=v2,max=v4"`
	GroupInstanceID string        `kafka:"min=v7,max=v7,nullable"`
	Topics          []commitTopic `kafka:"min=v2,max=v7"`

	node int32 // the coordinator
}

type commitTopic struct {
	Name       string            `kafka:"min=v2,max=v7"`
	Partitions []commitPartition `kafka:"min=v2,max=v7"`
}

type commitPartition struct {
	PartitionIndex       int32  `kafka:"min=v2,max=v7"`
	CommittedOffset      int64  `kafka:"min=v2,max=v7"`
	CommittedLeaderEpoch int32  `kafka:"min=v6,max=v7"`
	CommittedMetadata    string `kafka:"min=v2,max=v7,nullable"`
}

func (r *commitRequest) ApiKey() protocol.ApiKey { return protocol.OffsetCommit }

// Broker sends the request to the coordinator that was found for it. An error means that it wasn't sent.
func (r *commitRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	b, ok := cluster.Brokers[r.node]
	if !ok {
		return protocol.Broker{}, kafka.BrokerNotAvailable
	}
	return b, nil
}

type commitResponse struct {
	ThrottleTimeMS int32            `kafka:"min=v3,max=v7"`
	Topics         []committedTopic `kafka:"min=v2,max=v7"`
}

type committedTopic struct {
	Name       string               `kafka:"min=v2,max=v7"`
	Partitions []committedPartition `kafka:"min=v2,max=v7"`
}

type committedPartition struct {
	PartitionIndex int32 `kafka:"min=v2,max=v7"`
	ErrorCode      int16 `kafka:"min=v2,max=v7"`
}

func (r *commitResponse) ApiKey() protocol.ApiKey { return protocol.OffsetCommit }

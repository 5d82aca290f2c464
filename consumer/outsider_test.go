package consumer

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// commit commits partition 0 as an operator does, who is no member of the group.
func (g *rig) commit(offset int64, metadata string) {
	g.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(g.ListenAddrs()...), kgo.Dialer(g.net.DialContext), kgo.MaxVersions(kversion.V3_9_0())) // newer ones name topics by id
	if err != nil {
		g.t.Fatal(err)
	}
	defer cl.Close()
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset, p.Metadata = offset, &metadata
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation, req.Topics = groupID, -1, append(req.Topics, t)
	answer, err := req.RequestWith(g.t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		g.t.Fatalf("committing: %v", err)
	}
}

package world

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Ask sends one raw request to a broker, as an operator's tool would, and gives its answer. The request's
// version must be set. An answer that takes longer than patience is an error.
func (w *World) Ask(node int32, r kmsg.Request) (kmsg.Response, error) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	addrs := w.Cluster.ListenAddrs()
	if int(node) >= len(addrs) || node < 0 {
		return nil, fmt.Errorf("asking broker %d: there are %d", node, len(addrs))
	}
	c, err := w.dial(ctx, "tcp", addrs[node])
	if err != nil {
		return nil, fmt.Errorf("asking broker %d: %w", node, err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, r, 1)); err != nil {
		return nil, fmt.Errorf("asking broker %d: %w", node, err)
	}
	size := make([]byte, 4)
	if _, err := io.ReadFull(c, size); err != nil {
		return nil, fmt.Errorf("reading broker %d's answer: %w", node, err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size))
	if _, err := io.ReadFull(c, body); err != nil {
		return nil, fmt.Errorf("reading broker %d's answer: %w", node, err)
	}
	in := kbin.Reader{Src: body}
	in.Int32() // correlation id
	answer := r.ResponseKind()
	if answer.IsFlexible() {
		kmsg.SkipTags(&in)
	}
	if err := answer.ReadFrom(in.Src); err != nil {
		return nil, fmt.Errorf("reading broker %d's answer: %w", node, err)
	}
	return answer, nil
}

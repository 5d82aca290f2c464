package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// said is what a role that listens says first.
type said struct {
	Addr    string `json:"addr"`
	Control string `json:"control,omitempty"`
}

// playBroker is the embedded broker in a process of its own.
func playBroker(ctx context.Context, _ []byte, say *json.Encoder) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return fmt.Errorf("starting the embedded broker: %w", err)
	}
	defer cluster.Close()
	if err := say.Encode(said{Addr: cluster.ListenAddrs()[0]}); err != nil {
		return fmt.Errorf("saying the address: %w", err)
	}
	<-ctx.Done()
	return nil
}

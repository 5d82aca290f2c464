package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// invitation tells how to reach everything. Its commands are the runbook's.
const invitation = `
All events are delivered or letters. Nothing goes wrong any more but what refuses
these letters, and the rest is yours. In another terminal:

  export ROOMRELAY_BROKERS=%s
  export ROOMRELAY_TOPIC=%s ROOMRELAY_GROUP=%s
  go run ./cmd/roomrelay dlq stats
  curl -X DELETE %s/sim/faults    # mends what refuses them
  go run ./cmd/roomrelay dlq replay --yes --wait 1m
  go run ./cmd/roomrelay dlq discard --reason invalid --why "no events" --yes
  curl %s/sim/messages            # what rooms were shown

docs/letters.md is the runbook. Ctrl-C here ends all of it with the audit.
`

// hold leaves brokers, API and workers to whoever wants to try the dlq verbs, until ctx ends.
func (s *stage) hold(ctx context.Context, out io.Writer) error {
	_, err := fmt.Fprintf(out, invitation, strings.Join(s.cluster.ListenAddrs(), ","), topic, group, s.apiURL, s.apiURL)
	if err != nil {
		return fmt.Errorf("telling how to reach everything: %w", err)
	}
	<-ctx.Done()
	return nil
}

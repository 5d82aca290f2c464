package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"roomrelay/bench/internal/sink"
)

// playEndpoint is the API's far end.
func playEndpoint(ctx context.Context, config []byte, say *json.Encoder) error {
	cfg, err := decode[sink.Config](config)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	calls, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for calls: %w", err)
	}
	defer func() { _ = calls.Close() }() // nobody calls any more
	control, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for questions: %w", err)
	}
	s := sink.New(cfg)
	ended := make(chan error, 2)
	go func() { ended <- s.Serve(calls) }()
	server := &http.Server{Handler: questions(s)}
	defer server.Close()
	go func() { ended <- server.Serve(control) }()
	if err := say.Encode(said{Addr: calls.Addr().String(), Control: control.Addr().String()}); err != nil {
		return fmt.Errorf("saying the address: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// questions answers whoever measures.
func questions(s *sink.Sink) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /settled", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.Settled()) })
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, _ *http.Request) {
		_ = s.WriteNotes(w) // whoever asked has gone
	})
	return mux
}

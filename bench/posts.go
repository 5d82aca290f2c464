package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"roomrelay/bench/internal/traffic"
	"roomrelay/event"
)

// postsConfig is of limit (a).
type postsConfig struct {
	URL      string `json:"url"`
	InFlight int    `json:"inFlight"`
	Calls    int    `json:"calls"`
}

// spent is what a rival that isn't a worker says at its end.
type spent struct {
	Messages int           `json:"messages"`
	Took     time.Duration `json:"took"`
	CPU      time.Duration `json:"cpu"` // of the process, from when it began to work
}

// bodies is how many different bodies there are: enough that they don't stay in the processor's caches.
const bodies = 2000

// playPosts is limit (a): full batches, encoded and signed beforehand, POSTed at the same concurrency as the
// worker has, by the cheapest way that net/http has; answers are drained unread.
func playPosts(ctx context.Context, config []byte, say *json.Encoder) error {
	cfg, err := decode[postsConfig](config)
	if err != nil {
		return err
	}
	full, err := encoded()
	if err != nil {
		return err
	}
	target, err := url.Parse(cfg.URL + apiPath)
	if err != nil {
		return fmt.Errorf("reading the endpoint's address: %w", err)
	}
	p := &poster{
		target: target, header: signed(time.Now()), bodies: full,
		transport: &http.Transport{MaxIdleConnsPerHost: cfg.InFlight, DisableCompression: true},
	}
	before, began := processCPU(), time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	failed := make(chan error, cfg.InFlight)
	for range cfg.InFlight {
		group.Go(func() {
			for i := next.Add(1) - 1; int(i) < cfg.Calls; i = next.Add(1) - 1 {
				if err := p.post(ctx, int(i)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	return say.Encode(spent{Messages: cfg.Calls * maxBatch, Took: time.Since(began), CPU: processCPU() - before})
}

// encoded are the bodies of full calls, made as the worker makes them.
func encoded() (all [][]byte, err error) {
	messages, err := traffic.Shape{Messages: bodies * maxBatch, Rooms: 1}.All()
	if err != nil {
		return nil, err
	}
	for len(messages) > 0 {
		var batch []*event.Event
		for i := range messages[:maxBatch] {
			e, err := event.Decode(event.Record{Value: messages[i].Value})
			if err != nil {
				return nil, fmt.Errorf("reading a made message: %w", err)
			}
			batch = append(batch, e)
		}
		all = append(all, event.AppendBody(nil, batch))
		messages = messages[maxBatch:]
	}
	return all, nil
}

// The app of all calls, and where they go.
const (
	appKey    = "bench"
	appSecret = "bench-secret"
	apiPath   = "/nimserver/chatroom/batchSendMsg.action"
)

// signed is the headers of a call.
func signed(now time.Time) http.Header {
	const nonce = "0123456789abcdef"
	at := strconv.FormatInt(now.Unix(), 10)
	sum := sha1.Sum([]byte(appSecret + nonce + at))
	h := http.Header{}
	h.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	h.Set("AppKey", appKey)
	h.Set("Nonce", nonce)
	h.Set("CurTime", at)
	h.Set("CheckSum", hex.EncodeToString(sum[:]))
	return h
}

type poster struct {
	target    *url.URL
	header    http.Header
	bodies    [][]byte
	transport *http.Transport
}

func (p *poster) post(ctx context.Context, i int) error {
	body := p.bodies[i%len(p.bodies)]
	r := &http.Request{
		Method: http.MethodPost, URL: p.target, Host: p.target.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: p.header, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}
	answer, err := p.transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("posting: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return fmt.Errorf("draining an answer: %w", err)
	}
	return nil
}

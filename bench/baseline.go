package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// baselineConfig is of the loop that everybody writes first.
type baselineConfig struct {
	Brokers []string `json:"brokers"`
	Topic   string   `json:"topic"`
	Group   string   `json:"group"`
	URL     string   `json:"url"`
}

// chatMessage is the event as far as the loop knows it.
type chatMessage struct {
	Room   int64  `json:"roomid"`
	Sender string `json:"fromAccid"`
	ID     string `json:"msgId"`
	Type   int    `json:"msgType"`
	Attach string `json:"attach"`
}

// playBaseline is what everybody writes first with kafka-go: fetch what comes within the window, group it, POST
// each group in tens and in order, commit, again. It goes on until it is stopped.
func playBaseline(ctx context.Context, config []byte, _ *json.Encoder) error {
	cfg, err := decode[baselineConfig](config)
	if err != nil {
		return err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: cfg.Brokers, Topic: cfg.Topic, GroupID: cfg.Group, StartOffset: kafka.FirstOffset, MaxBytes: 10 << 20,
	})
	defer func() { _ = reader.Close() }() // the group forgets it after its session
	for {
		batch, err := within(ctx, reader)
		if err == nil {
			err = postAll(ctx, cfg.URL, batch)
		}
		if err == nil {
			err = reader.CommitMessages(ctx, batch...)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}

// within takes the messages of a window, which begins with the first.
func within(ctx context.Context, reader *kafka.Reader) (all []kafka.Message, err error) {
	first, err := reader.FetchMessage(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	all = append(all, first)
	limit, cancel := context.WithTimeout(ctx, window)
	defer cancel()
	for {
		m, err := reader.FetchMessage(limit)
		if errors.Is(err, context.DeadlineExceeded) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("fetching: %w", err)
		}
		all = append(all, m)
	}
}

// postAll sends messages by room and sender, in the order in which these came.
func postAll(ctx context.Context, url string, batch []kafka.Message) error {
	type lane struct {
		room   int64
		sender string
	}
	groups, order := map[lane][]chatMessage{}, []lane{}
	for i := range batch {
		var m chatMessage
		if err := json.Unmarshal(batch[i].Value, &m); err != nil {
			return fmt.Errorf("reading an event: %w", err)
		}
		k := lane{m.Room, m.Sender}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	for _, k := range order {
		for all := groups[k]; len(all) > 0; all = all[min(maxBatch, len(all)):] {
			if err := postTen(ctx, url, all[:min(maxBatch, len(all))]); err != nil {
				return err
			}
		}
	}
	return nil
}

func postTen(ctx context.Context, endpoint string, messages []chatMessage) error {
	type entry struct {
		ID     string `json:"msgId"`
		Type   int    `json:"msgType"`
		Attach string `json:"attach"`
	}
	var list []entry
	for _, m := range messages {
		list = append(list, entry{m.ID, m.Type, m.Attach})
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encoding a call: %w", err)
	}
	form := url.Values{"roomid": {strconv.FormatInt(messages[0].Room, 10)}, "fromAccid": {messages[0].Sender}, "msgList": {string(text)}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+apiPath, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("making a call: %w", err)
	}
	r.Header = signed(time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("posting: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	var said struct {
		Code int `json:"code"`
	}
	if err := json.Unmarshal(body, &said); err != nil || said.Code != http.StatusOK {
		return fmt.Errorf("answered %q", body)
	}
	return nil
}

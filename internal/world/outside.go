package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/internal/imsim"
)

// Outsider is the way of somebody to the brokers who is none of the workers. tap, if not nil, sees every request
// before it goes out.
func (w *World) Outsider(tap func(Frame)) *Link {
	l := newLink(w.dial)
	l.world, l.tap = w.api.closed, tap
	return l
}

// Message is an event as a producer writes it.
type Message struct {
	Room      int64  `json:"roomid"`
	Sender    string `json:"fromAccid"`
	ID        string `json:"msgId"`
	Type      int    `json:"msgType"`
	Attach    string `json:"attach,omitempty"`
	Resend    int    `json:"resendFlag,omitempty"`
	Partition int    `json:"-"`
}

// Publish appends messages, in order.
func (w *World) Publish(messages ...Message) {
	w.T.Helper()
	for _, m := range messages {
		value, err := json.Marshal(m)
		if err != nil {
			w.T.Fatal(err)
		}
		w.Append(m.Partition, strconv.FormatInt(m.Room, 10), value)
	}
}

// Append appends one record.
func (w *World) Append(partition int, key string, value []byte) {
	w.T.Helper()
	w.AppendAll(partition, kafka.Record{Key: kafka.NewBytes([]byte(key)), Value: kafka.NewBytes(value), Time: time.Now()})
}

// AppendAll appends records to a partition in one request.
func (w *World) AppendAll(partition int, records ...kafka.Record) {
	w.T.Helper()
	if _, err := w.Produce(partition, records...); err != nil {
		w.T.Fatalf("publishing: %v", err)
	}
}

// Produce appends records to a partition in one request and says where the first one stands.
func (w *World) Produce(partition int, records ...kafka.Record) (offset int64, err error) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := &kafka.Client{Addr: w.addr(), Transport: w.client, Timeout: patience}
	answer, err := client.Produce(ctx, &kafka.ProduceRequest{
		Topic: Topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(records...),
	})
	if err != nil {
		return 0, err
	}
	return answer.BaseOffset, answer.Error
}

// Chat makes n messages of a sender in a room, numbered from 0.
func Chat(room int64, sender string, n int) []Message {
	all := make([]Message, n)
	for i := range all {
		all[i] = Message{Room: room, Sender: sender, ID: fmt.Sprintf("%d-%s-%d", room, sender, i), Attach: fmt.Sprint("message ", i)}
	}
	return all
}

// Shown is what a room was shown, in order (0: all rooms).
func (w *World) Shown(room int64) []imsim.Shown {
	var all []imsim.Shown
	for s := range w.Sim.Messages(room) {
		all = append(all, s)
	}
	return all
}

// ShownIDs is the msgIds of what a room was shown, in order.
func (w *World) ShownIDs(room int64) []string {
	var ids []string
	for s := range w.Sim.Messages(room) {
		ids = append(ids, s.MsgID)
	}
	return ids
}

// Letter is a record of the dead-letter topic.
type Letter struct {
	Partition int
	Offset    int64
	Key       string
	Value     []byte
	Headers   map[string]string
}

// MsgID is the letter's msgId as its header says.
func (l Letter) MsgID() string { return l.Headers["roomrelay.msgid"] }

// Reason is the letter's reason.
func (l Letter) Reason() string { return l.Headers["roomrelay.reason"] }

// Letters is every record of the dead-letter topic.
func (w *World) Letters() []Letter {
	w.T.Helper()
	var all []Letter
	for p := range w.cfg.Partitions {
		all = append(all, w.lettersOf(p)...)
	}
	return all
}

func (w *World) lettersOf(partition int) []Letter {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	dialer := &kafka.Dialer{DialFunc: w.dial}
	conn, err := dialer.DialLeader(ctx, "tcp", w.Cluster.ListenAddrs()[0], Letters, partition)
	if err != nil {
		w.T.Fatalf("reading letters: %v", err)
	}
	defer func() { _ = conn.Close() }()
	var all []Letter
	for next := int64(0); ; {
		end, err := conn.ReadLastOffset()
		if err != nil || next >= end {
			return all
		}
		if _, err := conn.Seek(next, kafka.SeekAbsolute); err != nil {
			w.T.Fatalf("reading letters: %v", err)
		}
		batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 50 * time.Millisecond})
		for {
			m, err := batch.ReadMessage()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					w.T.Fatalf("reading letters: %v", err)
				}
				break
			}
			l := Letter{Partition: partition, Offset: m.Offset, Key: string(m.Key), Value: m.Value, Headers: map[string]string{}}
			for _, h := range m.Headers {
				l.Headers[h.Key] = string(h.Value)
			}
			all = append(all, l)
			next = m.Offset + 1
		}
		_ = batch.Close()
	}
}

// Committed is the group's commit of a partition; -1 if there is none.
func (w *World) Committed(partition int) (offset int64, metadata string) {
	info := w.Cluster.GroupInfo(Group)
	if info == nil {
		return -1, ""
	}
	c, ok := info.Commits[Topic][int32(partition)]
	if !ok {
		return -1, ""
	}
	return c.Offset, c.Metadata
}

// AwaitSettled waits until the group's commits say that all that was published is settled.
func (w *World) AwaitSettled(limit time.Duration) {
	w.T.Helper()
	w.Await("everything settled and committed", limit, func() bool {
		for p := range w.cfg.Partitions {
			offset, _ := w.Committed(p)
			if offset < w.Cluster.PartitionInfo(Topic, int32(p)).HighWatermark {
				return false
			}
		}
		return true
	})
}

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// inWires runs produce in a bubble and hands the outcome and the broker over.
func inWires(t *testing.T, input string, args []string, before func(*wires), after func(*wires, outcome)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWires(t)
		defer w.end()
		if before != nil {
			before(w)
		}
		p, out, err := w.program(strings.NewReader(input))
		code := p.run(append([]string{"produce"}, args...), nil)
		after(w, outcome{code, out.String(), err.String()})
	})
}

// published is a partition's records, as "key=value".
func (w *wires) published(partition int) (all []string, times []time.Time) {
	w.t.Helper()
	dialer := &kafka.Dialer{DialFunc: w.net.DialContext}
	conn, err := dialer.DialLeader(context.Background(), "tcp", w.ListenAddrs()[0], "chat", partition)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	for next := int64(0); next < w.PartitionInfo("chat", int32(partition)).HighWatermark; {
		if _, err := conn.Seek(next, kafka.SeekAbsolute); err != nil {
			w.t.Fatal(err)
		}
		batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 8 << 20, MaxWait: 10 * time.Millisecond})
		for {
			m, err := batch.ReadMessage()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				w.t.Fatal(err)
			}
			key := string(m.Key)
			if m.Key == nil {
				key = "none"
			}
			all = append(all, key+"="+string(m.Value))
			times = append(times, m.Time)
			next = m.Offset + 1
		}
		_ = batch.Close()
	}
	return all, times
}

func (w *wires) count() (n int) {
	for p := range 4 {
		n += int(w.PartitionInfo("chat", int32(p)).HighWatermark)
	}
	return n
}

func line(room, n int) string {
	return fmt.Sprintf(`{"roomid":%d,"fromAccid":"ann","msgId":"%d-%d","msgType":0}`, room, room, n)
}

func TestEventsAreKeyedByRoomAsJavaSpreadsKeysAndKeepTheirOrder(t *testing.T) {
	var lines []string
	for i := range 5000 {
		lines = append(lines, line(20+i%7, i))
	}
	inWires(t, strings.Join(lines, "\n"), nil, func(w *wires) {
		w.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			if acks := r.(*kmsg.ProduceRequest).Acks; acks != -1 {
				t.Errorf("acks %d", acks)
			}
			return nil, nil, false
		})
	}, func(w *wires, got outcome) {
		if got.code != exitFine || got.err != "events published to chat: 5000.\n" || w.count() != 5000 {
			t.Errorf("%+v, %d there", got, w.count())
		}
		for room := range 7 {
			var want []string
			for i := room; i < 5000; i += 7 {
				want = append(want, fmt.Sprint(20+room, "=", line(20+room, i)))
			}
			whole := 0
			for partition := range 4 {
				all, _ := w.published(partition)
				mine := slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, fmt.Sprint(20+room, "=")) })
				if slices.Equal(mine, want) {
					whole++
					// Kafka's own tests say that murmur2 of "21" is -973932308: without its sign, 0 modulo 4.
					if room == 1 && partition != 0 {
						t.Errorf("room 21 is in partition %d, want 0", partition)
					}
				} else if len(mine) > 0 {
					t.Errorf("room %d: %d events in partition %d, want %d in order", 20+room, len(mine), partition, len(want))
				}
			}
			if whole != 1 {
				t.Errorf("room %d is whole in %d partitions", 20+room, whole)
			}
		}
	})
}

func TestABadLineIsToldWithItsNumberAndOnlyWhatIsNoObjectIsLeftOut(t *testing.T) {
	input := line(1, 1) + "\n\nno json\n" + `{"roomid":1,"fromAccid":"ann"}` + "\n[1]\n" + `{"x":` + "\n" + line(1, 2) + "\n"
	inWires(t, input, nil, nil, func(w *wires, got outcome) {
		want := "line 3: it holds no JSON object; left out\n" +
			"line 4: the worker will refuse it; published as it is\n" +
			"line 5: it holds no JSON object; left out\n" +
			"line 6: the worker will refuse it; published as it is\n" +
			"events published to chat: 4, of which the worker will refuse 2; lines left out: 2.\n"
		if got.code != exitFailed || got.err != want {
			t.Errorf("%+v", got)
		}
		if w.count() != 4 {
			t.Errorf("%d published", w.count())
		}
	})
}

func TestAFloodOfBadLinesDoesNotHideTheOutcome(t *testing.T) {
	inWires(t, strings.Repeat("x\n", 1000), nil, nil, func(_ *wires, got outcome) {
		if n := strings.Count(got.err, "\n"); n != mostTold+2 || !strings.Contains(got.err, "(and 980 more messages like these)\nevents published to chat: 0; lines left out: 1000.\n") {
			t.Errorf("%d lines: %s", n, got.err)
		}
	})
}

func TestEventsWithTimesArePublishedAtThem(t *testing.T) {
	at := func(ms, n int) string { return fmt.Sprintf(`{"atMs":%d,"event":%s}`, ms, line(21, n)) }
	input := at(0, 1) + "\n" + at(10_000, 2) + "\n" + at(60_000, 3) + "\n" + line(21, 4)
	for speed, want := range map[string][]time.Duration{
		"1": {0, 10 * time.Second, time.Minute, time.Minute}, "10": {0, time.Second, 6 * time.Second, 6 * time.Second}, "0": {0, 0, 0, 0},
	} {
		inWires(t, input, []string{"--speed", speed}, nil, func(w *wires, got outcome) {
			_, times := w.published(0)
			if got.code != exitFine || len(times) != 4 {
				t.Fatalf("%+v, %d there", got, len(times))
			}
			for i := range want {
				if after := times[i].Sub(times[0]); after != want[i] {
					t.Errorf("speed %s: event %d after %v, want %v", speed, i, after, want[i])
				}
			}
		})
	}
}

func TestAStopTellsHowManyWereWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWires(t)
		defer w.end()
		input := line(1, 1) + "\n" + line(2, 2) + "\n" + `{"atMs":3600000,"event":` + line(3, 3) + "}\n"
		p, _, stderr := w.program(strings.NewReader(input))
		signals := make(chan os.Signal, 1)
		time.AfterFunc(time.Minute, func() { signals <- syscall.SIGINT })
		begun := time.Now()
		code := p.run([]string{"produce"}, signals)
		if code != exitFailed || time.Since(begun) != time.Minute || stderr.String() != "events published to chat: 2.\nroomrelay: stopped after line 2, before the end\n" || w.count() != 2 {
			t.Errorf("exit %d after %v, %d there: %s", code, time.Since(begun), w.count(), stderr)
		}
	})
}

func TestMadeChatIsPublishedAtItsRateUntilAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWires(t)
		defer w.end()
		p, _, stderr := w.program(strings.NewReader(""))
		signals := make(chan os.Signal, 1)
		time.AfterFunc(10*time.Minute, func() { signals <- syscall.SIGTERM })
		code := p.run([]string{"produce", "--made", "5"}, signals)
		// Exponential gaps: 3000 are expected, with a standard deviation of 55.
		if n := w.count(); code != exitFine || n < 2700 || n > 3300 || !strings.Contains(stderr.String(), fmt.Sprintf("events published to chat: %d", n)) {
			t.Errorf("exit %d, %d there: %s", code, n, stderr)
		}
	})
}

func TestARateOfMadeChatThatNobodyMeansIsAMistake(t *testing.T) {
	for _, made := range []string{"-1", "NaN", "10001"} {
		p := &program{environ: []string{"ROOMRELAY_BROKERS=127.0.0.1:1", "ROOMRELAY_TOPIC=chat"}, in: strings.NewReader(""), out: io.Discard, err: io.Discard}
		if code := p.run([]string{"produce", "--made", made}, nil); code != exitUsage {
			t.Errorf("%s: exit %d", made, code)
		}
	}
}

func TestLinesOfAPipeArePublishedAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWires(t)
		defer w.end()
		in, feed := io.Pipe()
		p, _, stderr := w.program(in)
		ended := make(chan int)
		go func() { ended <- p.run([]string{"produce"}, nil) }()
		for i := range 3 {
			fmt.Fprintln(feed, line(1, i))
			time.Sleep(time.Second)
			if w.count() != i+1 {
				t.Errorf("%d published after line %d: %s", w.count(), i+1, stderr)
			}
		}
		feed.Close()
		if code := <-ended; code != exitFine {
			t.Errorf("exit %d, %s", code, stderr)
		}
	})
}

func TestAWriteThatFailsIsTriedAgainForAMinute(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault kfake.Fault
		code  int
		says  string
		there int
		least time.Duration
	}{
		{"a leader that moves", kfake.Fault{Err: kerr.NotLeaderForPartition, Count: 3}, exitFine, "events published to chat: 1.", 1, 100 * time.Millisecond},
		{"too few replicas for long", kfake.Fault{Err: kerr.NotEnoughReplicas, Count: -1}, exitFailed, "writing lines 1 to 1: [19]", 0, 45 * time.Second},
		{"no right to write", kfake.Fault{Err: kerr.TopicAuthorizationFailed, Count: -1}, exitFailed, "writing lines 1 to 1: [29]", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.fault.Keys = []kmsg.Key{kmsg.Produce}
			var begun time.Time
			inWires(t, line(1, 1), nil, func(w *wires) { begun = time.Now(); w.Fault(c.fault) }, func(w *wires, got outcome) {
				took := time.Since(begun)
				if got.code != c.code || !strings.Contains(got.err, c.says) || w.count() != c.there || took < c.least || took > tryFor+5*time.Second {
					t.Errorf("after %v: %+v, %d there", took, got, w.count())
				}
			})
		})
	}
}

func TestALineThatTheTopicDoesNotTakeIsLeftOutAlone(t *testing.T) {
	noise := make([]byte, 2<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[x>>26]
	}
	big := fmt.Sprintf(`{"roomid":1,"attach":%q}`, noise)
	inWires(t, line(1, 1)+"\n"+big+"\n"+line(1, 2)+"\n", []string{"--speed=0"}, nil, func(w *wires, got outcome) {
		if got.code != exitFailed || w.count() != 2 || !strings.Contains(got.err, fmt.Sprintf("line 2: %d bytes are more than the topic takes; left out\n", len(big))) ||
			!strings.Contains(got.err, "events published to chat: 2") {
			t.Errorf("%d there, exit %d, %s", w.count(), got.code, got.err)
		}
	})
}

func TestAnInputThatEndsInAnErrorIsToldAfterWhatCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWires(t)
		defer w.end()
		p, _, stderr := w.program(io.MultiReader(strings.NewReader(line(1, 1)+"\n"), iotest.ErrReader(errBroken)))
		if code := p.run([]string{"produce"}, nil); code != exitFailed || w.count() != 1 || !strings.Contains(stderr.String(), "reading line 2: broken input") {
			t.Errorf("exit %d, %d there, %s", code, w.count(), stderr)
		}
	})
}

func TestAGzipFileIsRead(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprintln(z, line(1, 1))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "events.gz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	inWires(t, "", []string{"--input", path}, nil, func(w *wires, got outcome) {
		if got.code != exitFine || w.count() != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestAMissingTopicOrFileIsTold(t *testing.T) {
	inWires(t, line(1, 1), []string{"--topic=other"}, nil, func(_ *wires, got outcome) {
		if got.code != exitFailed || !strings.Contains(got.err, `topic "other" doesn't exist`) {
			t.Errorf("%+v", got)
		}
	})
	inWires(t, "", []string{"--input=/no/such"}, nil, func(_ *wires, got outcome) {
		if got.code != exitFailed || !strings.Contains(got.err, "opening --input") {
			t.Errorf("%+v", got)
		}
	})
}

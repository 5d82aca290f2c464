package imsim

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
)

// discard is a ResponseWriter that keeps nothing.
type discard struct {
	header http.Header
	n      int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// replay is a request that can be served again and again.
type replay struct {
	request *http.Request
	body    []byte
	reader  *bytes.Reader
}

func newReplay(body string) *replay {
	x := &replay{request: request(body), body: []byte(body), reader: bytes.NewReader(nil)}
	x.request.Body = io.NopCloser(x.reader)
	return x
}

func (x *replay) serve(s *Sim, w http.ResponseWriter) {
	x.reader.Reset(x.body)
	s.ServeHTTP(w, x.request)
}

// stamp makes the msgIds of body, which hold the mark, those of call n.
func stamp(body []byte, marks []int, n int64) {
	for _, at := range marks {
		for i, x := 0, n; i < 10; i, x = i+1, x/10 {
			body[at+9-i] = '0' + byte(x%10)
		}
	}
}

const mark = "##########"

func marks(body []byte) (at []int) {
	for from := 0; ; {
		i := bytes.Index(body[from:], []byte(mark))
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(mark)
	}
}

// batch is a body of ten messages of about a hundred bytes, their msgIds with marks.
func batch(room int64) []byte {
	var list []msg
	for i := range 10 {
		list = append(list, msg{
			"msgId": fmt.Sprint("m", i, "-", mark), "msgType": 0, "resendFlag": 0,
			"attach": "does anyone know how to get the sound card to work after an upgrade? it was fine before",
		})
	}
	body := []byte(form(room, list))
	return bytes.ReplaceAll(body, []byte(url.QueryEscape(mark)), []byte(mark))
}

// BenchmarkServe is the handler alone: ten new messages a call.
func BenchmarkServe(b *testing.B) {
	for name, cfg := range map[string]Config{
		"keep=all":  {},
		"keep=none": {Keep: KeepNothing},
		"faults":    {Keep: KeepNothing, Faults: &Faults{Rules: []Rule{{Do: DoCode, Code: 503, Chance: 0.01}, {Do: DoRefuse, Share: 0.01}, {Do: DoStrings, RoomShare: 0.1}}}},
	} {
		b.Run(name, func(b *testing.B) {
			s := sim(cfg)
			var room, n atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				body := batch(room.Add(1))
				at := marks(body)
				x := newReplay("")
				x.body = body
				x.request.ContentLength = int64(len(body))
				w := &discard{header: http.Header{}}
				buf := bytes.Clone(body)
				for pb.Next() {
					x.body = append(x.body[:0], buf...)
					stamp(x.body, at, n.Add(1))
					x.serve(s, w)
				}
			})
			if got := s.Stats(); got.Shown == 0 || got.Unflagged != 0 {
				b.Fatalf("%+v", got)
			}
		})
	}
}

// BenchmarkParse is the reading of a form and its msgList.
func BenchmarkParse(b *testing.B) {
	body := batch(1)
	c := new(call)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		c.body = append(c.body[:0], body...)
		c.messages, c.texts = c.messages[:0], c.texts[:0]
		if wrong := c.parse(false) + c.parseList(1); wrong != "" {
			b.Fatal(wrong)
		}
	}
}

// BenchmarkLoopback is a real server and a client that does next to nothing: what the simulator can be
// asked at most.
func BenchmarkLoopback(b *testing.B) {
	s := sim(Config{Keep: KeepNothing})
	server, addr, err := s.Listen("127.0.0.1:0", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	var room, n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		body := batch(room.Add(1))
		var head bytes.Buffer
		r := request("")
		fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: api\r\nContent-Length: %d\r\n", Action, len(body))
		_ = r.Header.Write(&head)
		head.WriteString("\r\n")
		call := append(head.Bytes(), body...)
		at := marks(call)
		in := bufio.NewReaderSize(conn, 16<<10)
		for pb.Next() {
			stamp(call, at, n.Add(1))
			if _, err := conn.Write(call); err != nil {
				b.Error(err)
				return
			}
			if err := skipAnswer(in); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	if got := s.Stats(); got.Shown != 10*got.Calls {
		b.Fatalf("%+v", got)
	}
}

// skipAnswer reads an answer with a Content-Length.
func skipAnswer(in *bufio.Reader) error {
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err = in.Discard(length)
			return err
		}
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok && string(name) == "Content-Length" {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
}

//go:build e2e

package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// proxy stands between workers and one broker's proxied listener, whose address the broker advertises there
// as its own. It notes who asks for what, and makes the way slow, or cuts it, when it is told to.
type proxy struct {
	listener net.Listener
	target   string // the broker's listener

	mu       sync.Mutex // of the fields below
	requests []request
	bytes    int64 // through it, both ways
	open     map[net.Conn]struct{}
	delay    time.Duration // of what comes from the broker, for each piece of up to 4 KiB
	refuse   bool
}

// request is one that a client made through a proxy.
type request struct {
	at     time.Time
	client string // its client id
	key    int16
}

// Keys of requests that change something.
const (
	keyProduce      = 0
	keyOffsetCommit = 8
)

// newProxy listens at once; where it leads to is told later, by connect.
func newProxy() (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for a proxy: %w", err)
	}
	return &proxy{listener: l, open: map[net.Conn]struct{}{}}, nil
}

// connect lets it take connections, for good.
func (p *proxy) connect(target string) {
	p.target = target
	go func() {
		for {
			in, err := p.listener.Accept()
			if err != nil {
				return
			}
			go p.serve(in)
		}
	}()
}

func (p *proxy) serve(in net.Conn) {
	defer in.Close()
	if !p.enter(in) {
		return
	}
	defer p.leave(in)
	out, err := net.Dial("tcp", p.target)
	if err != nil {
		return // the broker is away: its clients see the same
	}
	defer out.Close()
	var both sync.WaitGroup
	both.Go(func() { defer out.Close(); _ = p.ask(in, out) })
	both.Go(func() { defer in.Close(); _ = p.answer(out, in) })
	both.Wait()
}

func (p *proxy) enter(in net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return false
	}
	p.open[in] = struct{}{}
	return true
}

func (p *proxy) leave(in net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, in)
}

// ask passes requests on, each of which begins with its size, key, version, number, and client id.
func (p *proxy) ask(in io.Reader, out io.Writer) error {
	for {
		head := make([]byte, 14)
		if _, err := io.ReadFull(in, head); err != nil {
			return err
		}
		size := int64(int32(binary.BigEndian.Uint32(head)))
		name := max(0, int(int16(binary.BigEndian.Uint16(head[12:]))))
		if size < int64(10+name) {
			return errors.New("not a request of Kafka's protocol")
		}
		client := make([]byte, name)
		if _, err := io.ReadFull(in, client); err != nil {
			return err
		}
		p.mu.Lock()
		p.requests = append(p.requests, request{time.Now(), string(client), int16(binary.BigEndian.Uint16(head[4:]))})
		p.bytes += size + 4
		p.mu.Unlock()
		if _, err := out.Write(append(head, client...)); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, size-int64(10+name)); err != nil {
			return err
		}
	}
}

// answer passes answers on.
func (p *proxy) answer(out io.Reader, in io.Writer) error {
	piece := make([]byte, 4<<10)
	for {
		n, err := out.Read(piece)
		if n > 0 {
			p.mu.Lock()
			delay := p.delay
			p.bytes += int64(n)
			p.mu.Unlock()
			if delay > 0 {
				<-time.After(delay)
			}
			if _, err := in.Write(piece[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// asked is how many requests of a kind a client made from one moment to another.
func (p *proxy) asked(client string, key int16, from, to time.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.requests {
		if r.client == client && r.key == key && r.at.After(from) && r.at.Before(to) {
			n++
		}
	}
	return n
}

// slow makes the way slow; 0: as fast as it is.
func (p *proxy) slow(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// cut ends all connections, and with stay refuses new ones until mend.
func (p *proxy) cut(stay bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = stay
	for c := range p.open {
		_ = c.Close()
	}
}

// mend takes connections again.
func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse, p.delay = false, 0
}

// through is how many bytes went through so far.
func (p *proxy) through() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

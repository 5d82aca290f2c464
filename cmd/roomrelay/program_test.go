package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// text is what a program writes, and may be read meanwhile.
type text struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// outcome of a run.
type outcome struct {
	code     int
	out, err string
}

func execute(in io.Reader, environ []string, args ...string) outcome {
	var out, err text
	p := &program{environ: environ, in: in, out: &out, err: &err}
	code := p.run(args, nil)
	return outcome{code, out.String(), err.String()}
}

func TestAWrongCommandLineOrSettingExitsWithTwoBeforeAnythingIsConnected(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
			t.Error("it connected")
		}
	}()
	full := []string{"ROOMRELAY_BROKERS=" + l.Addr().String(), "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g", "ROOMRELAY_APP_KEY=k", "ROOMRELAY_APP_SECRET=hush"}
	for _, c := range []struct {
		args, says string
		environ    []string
	}{
		{"wroker", `unknown command "wroker"`, full},
		{"worker now", `unknown command "now"`, full},
		{"worker --windw=1s", "unknown flag: --windw", full},
		{"worker --window", "flag needs an argument", full},
		{"worker --window=soon --lease=1h", "lease", full},
		{"worker --window=soon --lease=1h", `window "soon" (flag --window): takes a duration`, full},
		{"worker", "brokers: is required", nil},
		{"check", "app-secret: is required", full[:4]},
		{"config", "group: is required", full[:2]},
		{"produce", "topic: is required", full[:1]},
		{"produce --speed=-1", `speed "-1" (flag --speed): takes 0`, full},
	} {
		got := execute(strings.NewReader(""), c.environ, strings.Fields(c.args)...)
		if got.code != exitUsage || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: exit %d, %s, want %q", c.args, got.code, got.err, c.says)
		}
	}
}

func TestConfigShowsWhatIsInForceWithoutSecrets(t *testing.T) {
	got := execute(nil, []string{"ROOMRELAY_BROKERS=x:1", "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g", "ROOMRELAY_APP_KEY=k"}, "config", "--app-secret=hush", "--window=7ms")
	if got.code != exitFine || !strings.Contains(got.out, "window: 7ms  # flag --window\n") || strings.Contains(got.out+got.err, "hush") ||
		!strings.Contains(got.err, "--app-secret shows the secret") {
		t.Errorf("%+v", got)
	}
	// What is wrong isn't hidden by what could be read, nor the other way round.
	got = execute(nil, []string{"ROOMRELAY_TOPIC=chat"}, "config")
	if got.code != exitUsage || !strings.Contains(got.out, "topic: chat  # variable ROOMRELAY_TOPIC\n") || !strings.Contains(got.err, "brokers: is required") {
		t.Errorf("%+v", got)
	}
	if got := execute(nil, nil, "config", "--markdown"); got.code != exitFine || !strings.Contains(got.out, "| `window` | `100ms` |") {
		t.Errorf("%+v", got)
	}
	readme := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(readme, []byte("<!-- settings -->\n<!-- /settings -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got = execute(nil, nil, "config", "--markdown="+readme)
	b, err := os.ReadFile(readme)
	if got.code != exitFine || err != nil || !bytes.Contains(b, []byte("| `window` |")) {
		t.Errorf("%+v %v %s", got, err, b)
	}
	if got := execute(nil, nil, "config", "--markdown=/no/such"); got.code != exitFailed {
		t.Errorf("%+v", got)
	}
}

func TestHelpVersionAndCompletion(t *testing.T) {
	for args, says := range map[string]string{
		"":                              "Available Commands",
		"--help":                        "Available Commands",
		"worker --help":                 "--lease duration\n      how long sending goes on",
		"produce --help":                "--speed factor",
		"version":                       versionText() + "\n",
		"completion bash":               "__start_roomrelay",
		"__complete worker --ordering ": "room\n",
	} {
		fields := strings.Fields(args)
		if strings.HasSuffix(args, " ") {
			fields = append(fields, "")
		}
		if got := execute(nil, nil, fields...); got.code != exitFine || !strings.Contains(got.out, says) {
			t.Errorf("%s: %+v", args, got)
		}
	}
	if got := execute(nil, nil, "produce", "--help"); strings.Contains(got.out, "--lease") {
		t.Error("produce offers settings that it doesn't use")
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWires(t)
		asked := make(chan struct{})
		w.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			close(asked)
			return nil, nil, true // never answered
		})
		p, _, stderr := w.program(strings.NewReader(`{"roomid":1}`))
		signals := make(chan os.Signal)
		ended := make(chan int)
		go func() { ended <- p.run([]string{"produce"}, signals) }()
		<-asked
		begun := time.Now()
		signals <- syscall.SIGTERM
		synctest.Wait()
		select {
		case code := <-ended:
			t.Fatalf("the first signal didn't wait for the write on its way: exit %d, %s", code, stderr)
		default:
		}
		signals <- syscall.SIGTERM
		if code := <-ended; code != exitFailed || time.Since(begun) != 0 {
			t.Errorf("exit %d after %v", code, time.Since(begun))
		}
		time.Sleep(time.Minute) // what was left behind gives up
		w.end()
	})
}

// wires is an embedded broker on a network of the bubble's own.
type wires struct {
	*kfake.Cluster
	t   *testing.T
	net kfake.VirtualNetwork
}

func newWires(t *testing.T) *wires {
	t.Helper()
	w := &wires{t: t}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(w.net.Listen), kfake.Ports(9092), kfake.SeedTopics(4, "chat", "dlq.chat"))
	if err != nil {
		t.Fatal(err)
	}
	w.Cluster = c
	return w
}

func (w *wires) end() { w.Close() }

// program is one that reaches this broker.
func (w *wires) program(in io.Reader) (p *program, out, err *text) {
	out, err = &text{}, &text{}
	return &program{
		environ: []string{"ROOMRELAY_BROKERS=" + w.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat"},
		in:      in, out: out, err: err, dial: w.net.DialContext,
	}, out, err
}

var errBroken = errors.New("broken input")

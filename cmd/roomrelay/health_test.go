package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// askHealth runs the command against a worker's admin server that answers paths with statuses.
func askHealth(t *testing.T, answers map[string]int, admin func(port string) string, args ...string) (code int, out, err string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(answers[r.URL.Path])
		_, _ = w.Write([]byte("answer of " + r.URL.Path + "\n"))
	}))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	var stdout, stderr text
	p := &program{environ: []string{"ROOMRELAY_ADMIN_ADDR=" + admin(port)}, in: strings.NewReader(""), out: &stdout, err: &stderr}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "PORT", port)
	}
	code = p.run(append([]string{"health"}, args...), nil)
	return code, stdout.String(), stderr.String()
}

func loopback(port string) string   { return "127.0.0.1:" + port }
func everywhere(port string) string { return "0.0.0.0:" + port }
func off(string) string             { return "off" }

func TestHealthIsWhatTheWorkerSays(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers map[string]int
		admin   func(string) string
		args    []string
		code    int
		out     string
		err     string
	}{
		{"ready", map[string]int{"/readyz": 200}, loopback, nil, exitFine, "answer of /readyz\n", ""},
		{"listening everywhere", map[string]int{"/readyz": 200}, everywhere, nil, exitFine, "answer of /readyz\n", ""},
		{"not ready", map[string]int{"/readyz": 503, "/livez": 200}, loopback, nil, exitFailed, "", "roomrelay: 503 Service Unavailable: answer of /readyz\n"},
		{"not ready, but alive", map[string]int{"/readyz": 503, "/livez": 200}, loopback, []string{"--live"}, exitFine, "answer of /livez\n", ""},
		{"another program", map[string]int{"/sim/stats": 200}, off, []string{"--url", "http://127.0.0.1:PORT/sim/stats"}, exitFine, "answer of /sim/stats\n", ""},
		{"nobody to ask", nil, off, nil, exitFailed, "", "roomrelay: admin-addr is off: nobody can ask this worker\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, out, err := askHealth(t, c.answers, c.admin, c.args...); code != c.code || out != c.out || err != c.err {
				t.Errorf("code %d, %q, %q", code, out, err)
			}
		})
	}
}

func TestNobodyThereIsNoHealth(t *testing.T) {
	var stdout, stderr text
	p := &program{environ: []string{"ROOMRELAY_ADMIN_ADDR=127.0.0.1:1"}, in: strings.NewReader(""), out: &stdout, err: &stderr}
	if code := p.run([]string{"health"}, nil); code != exitFailed || !strings.Contains(stderr.String(), "asking for health") {
		t.Errorf("code %d, %q", code, stderr.String())
	}
}

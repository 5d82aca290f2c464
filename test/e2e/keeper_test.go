//go:build e2e

package e2e

import (
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// keeper stands before the simulator and wants calls to be signed with a secret that changes, as that of an app does.
type keeper struct {
	server *httptest.Server

	mu      sync.Mutex // of the fields below
	secret  string
	refused int
}

func newKeeper(t testing.TB, to *simulator) *keeper {
	t.Helper()
	target, err := url.Parse(to.url)
	if err != nil {
		t.Fatalf("reading the simulator's address: %v", err)
	}
	k := &keeper{secret: appSecret}
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("CheckSum", signature(appSecret, r.In.Header))
	}}
	k.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !k.takes(r.Header) {
			_, _ = io.WriteString(w, `{"code":414,"desc":"check checksum error"}`)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(k.server.Close)
	return k
}

func (k *keeper) takes(h http.Header) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h.Get("CheckSum") == signature(k.secret, h) {
		return true
	}
	k.refused++
	return false
}

// change changes the secret, and says how many calls were refused before.
func (k *keeper) change(secret string) (refused int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.secret = secret
	return k.refused
}

func signature(secret string, h http.Header) string {
	sum := sha1.Sum([]byte(secret + h.Get("Nonce") + h.Get("CurTime")))
	return hex.EncodeToString(sum[:])
}

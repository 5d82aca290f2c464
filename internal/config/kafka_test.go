package config

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"roomrelay/internal/login"
)

// cluster starts a broker with these.
func cluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(3, "chat"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// dialer makes that of a producer with these flags.
func dialer(t *testing.T, c *kfake.Cluster, args ...string) (*Settings, *login.Dialer) {
	t.Helper()
	environ := []string{"ROOMRELAY_SASL_PASSWORD=pass"}
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--sasl-token-file") }) {
		environ = nil
	}
	s, err := load(t, Producer, append([]string{"--topic=chat", "--brokers=" + c.ListenAddrs()[0]}, args...), environ...)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Dialer(nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

// connect asks for the topic's partitions with these flags.
func connect(t *testing.T, c *kfake.Cluster, args ...string) error {
	t.Helper()
	s, d := dialer(t, c, args...)
	transport := s.Transport(d)
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: s.Addr(), Transport: transport}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{"chat"}})
	if err == nil && len(got.Topics[0].Partitions) != 3 {
		t.Errorf("%+v", got)
	}
	return err
}

func TestTheTransportLogsInOverTLS(t *testing.T) {
	cert, ca := certificate(t, filepath.Join(t.TempDir(), "ca.pem"))
	c := cluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-256", "ann", "pass"), kfake.Superuser("SCRAM-SHA-512", "bob", "pass"), kfake.Superuser("PLAIN", "ann", "pass"))
	for _, args := range []string{"plain --sasl-username=ann", "scram-sha-256 --sasl-username=ann", "scram-sha-512 --sasl-username=bob"} {
		if err := connect(t, c, strings.Fields("--tls --tls-ca-file="+ca+" --sasl-mechanism="+args)...); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestEachWrongSettingIsToldAsWhatItIs(t *testing.T) {
	cert, ca := certificate(t, filepath.Join(t.TempDir(), "ca.pem"))
	mutual := &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}
	secured := cluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "ann", "pass"))
	encrypted, login, open := cluster(t, kfake.TLS(mutual)), cluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "ann", "pass")), cluster(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a."+base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1000000000}`))+".c"), 0o600); err != nil {
		t.Fatal(err)
	}
	const scram = " --sasl-mechanism=scram-sha-256 --sasl-username=ann"
	for _, x := range []struct {
		name string
		at   *kfake.Cluster
		args string
		says []string
	}{
		{"unknown authority", secured, "--tls" + scram, []string{"beginning TLS", "certificate", "tls-ca-file must hold"}},
		{"other name", secured, "--tls --tls-server-name=other.example --tls-ca-file=" + ca + scram, []string{"other.example", "set tls-server-name"}},
		{"no TLS", secured, scram, []string{"does this listener want tls"}},
		{"no TLS, no login", encrypted, "", []string{"does this listener want tls"}},
		{"TLS where there is none", login, "--tls" + scram, []string{"beginning TLS", "unset tls"}},
		{"no certificate", encrypted, "--tls --tls-ca-file=" + ca, []string{"certificate", "check tls-cert-file"}},
		{"no login", login, "", []string{"sasl-mechanism?"}},
		{"login where there is none", open, scram, []string{"logging in"}}, // Kafka says it in so many words, this broker just closes
		{"wrong user", login, "--sasl-mechanism=scram-sha-256 --sasl-username=eve", []string{"logging in", "check sasl-username"}},
		{"expired token", login, "--sasl-mechanism=oauthbearer --sasl-token-file=" + token, []string{"expired at 2001-09-09T01:46:40Z", "does anybody renew it?"}},
		{"other mechanism", login, "--sasl-mechanism=oauthbearer --sasl-token-file=/etc/hostname", []string{"SASL", "set sasl-mechanism to one of these"}},
	} {
		began := time.Now()
		err := connect(t, x.at, strings.Fields(x.args)...)
		for _, says := range x.says {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v; want %q", x.name, err, says)
			}
		}
		if d := time.Since(began); d > 4*time.Second {
			t.Errorf("%s: told after %v", x.name, d)
		}
	}
}

func TestCertificatesThatAreReplacedAreUsedForTheNextConnection(t *testing.T) {
	var server atomic.Pointer[tls.Certificate]
	var client atomic.Pointer[big.Int] // serial number of what the client showed
	cert, ca := certificate(t, filepath.Join(t.TempDir(), "ca.pem"))
	server.Store(&cert)
	c := cluster(t, kfake.TLS(&tls.Config{
		ClientAuth:     tls.RequireAnyClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return server.Load(), nil },
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			x, err := x509.ParseCertificate(raw[0])
			if err == nil {
				client.Store(x.SerialNumber)
			}
			return err
		},
	}))
	own, ownFile := certificate(t, filepath.Join(t.TempDir(), "own.pem"))
	keyFile := filepath.Join(t.TempDir(), "own.key")
	writeKey(t, keyFile, &own)
	_, d := dialer(t, c, "--tls", "--tls-ca-file="+ca, "--tls-cert-file="+ownFile, "--tls-key-file="+keyFile)
	dial := func() error {
		conn, err := d.DialContext(t.Context(), "tcp", c.ListenAddrs()[0])
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatal(err)
	}
	first := client.Load()
	next, _ := certificate(t, ca)
	server.Store(&next)
	another, _ := certificate(t, ownFile)
	writeKey(t, keyFile, &another)
	for end := time.Now().Add(10 * time.Second); ; {
		err := dial()
		if err == nil && client.Load().Cmp(first) != 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the former ones are still used: %v", err)
		}
	}
}

func TestHalfABundleOfAuthoritiesIsNone(t *testing.T) {
	_, a := certificate(t, filepath.Join(t.TempDir(), "a.pem"))
	text, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	twice := slices.Concat(text, text)
	if _, err := parseCA([][]byte{twice}); err != nil {
		t.Error(err)
	}
	for _, part := range [][]byte{nil, twice[:20], twice[:len(twice)-40], twice[:len(text)+30], []byte("none")} {
		if _, err := parseCA([][]byte{part}); err == nil {
			t.Errorf("%d of %d bytes are taken", len(part), len(twice))
		}
	}
}

func TestPasswordAndSecretFollowTheirFiles(t *testing.T) {
	dir := t.TempDir()
	password, secret := filepath.Join(dir, "password"), filepath.Join(dir, "secret")
	synctest.Test(t, func(t *testing.T) {
		write := func(path, text string) {
			if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, time.Now(), time.Now())); err != nil {
				t.Fatal(err)
			}
		}
		write(password, "one\n")
		write(secret, "eins\n")
		s, err := load(t, Worker, []string{"--sasl-mechanism=plain", "--sasl-username=ann", "--sasl-password-file=" + password, "--app-secret-file=" + secret},
			"ROOMRELAY_BROKERS=kafka-1:9092", "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=relay", "ROOMRELAY_APP_KEY=k")
		if err != nil {
			t.Fatal(err)
		}
		now, version, err := s.credential(zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		app, err := s.Secret(zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		said := func() string {
			time.Sleep(3 * time.Second)
			c, err := now()
			if err != nil {
				t.Fatal(err)
			}
			_, text, _ := c.Mechanism.Start(t.Context())
			if version() != c.Version {
				t.Errorf("version %d of %d", c.Version, version())
			}
			return fmt.Sprintf("%q %s", text, string(app()))
		}
		if got := said(); got != `"\x00ann\x00one" eins` {
			t.Error(got)
		}
		write(password, "")
		write(secret, "zwei\n")
		if got := said(); got != `"\x00ann\x00one" zwei` {
			t.Error(got)
		}
		write(password, "two\n")
		if got := said(); got != `"\x00ann\x00two" zwei` {
			t.Error(got)
		}
	})
}

// certificate makes one for 127.0.0.1 that vouches for itself, and a file with it.
func certificate(t *testing.T, path string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

func writeKey(t *testing.T, path string, c *tls.Certificate) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

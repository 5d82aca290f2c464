package config

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

func TestTheTransportLogsInOverTLS(t *testing.T) {
	cert, ca := certificate(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "chat"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "ann", "pass"), kfake.Superuser("PLAIN", "ann", "pass"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	connect := func(args ...string) error {
		s, err := load(t, Producer, append([]string{"--topic=chat", "--brokers=" + c.ListenAddrs()[0], "--tls"}, args...), "ROOMRELAY_SASL_PASSWORD=pass")
		if err != nil {
			t.Fatal(err)
		}
		transport, err := s.Transport()
		if err != nil {
			t.Fatal(err)
		}
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
	for _, mechanism := range []string{"plain", "scram-sha-256"} {
		if err := connect("--tls-ca-file="+ca, "--sasl-mechanism="+mechanism, "--sasl-username=ann"); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
	}
	if err := connect("--sasl-mechanism=plain", "--sasl-username=ann"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate is trusted: %v", err)
	}
	if err := connect("--tls-ca-file="+ca, "--tls-server-name=other.example", "--sasl-mechanism=plain", "--sasl-username=ann"); err == nil || !strings.Contains(err.Error(), "other.example") {
		t.Errorf("another name is trusted: %v", err)
	}
}

// certificate makes one for 127.0.0.1 that vouches for itself, and a file with it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

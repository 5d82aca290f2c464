package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"roomrelay/internal/login"
)

// What files hold, as keyfile has it parsed. Errors tell nothing of the contents.

func parseSecret(contents [][]byte) (Secret, error) {
	text := strings.TrimRight(string(contents[0]), "\r\n")
	if text == "" {
		return "", errors.New("the file is empty")
	}
	return Secret(text), nil
}

// parseCA takes certificates, and nothing that begins like one and doesn't end: half of a bundle would be
// worse than the one of before.
func parseCA(contents [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	some := false
	rest := contents[0]
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(cert)
		some = true
	}
	switch {
	case bytes.Contains(rest, []byte("-----BEGIN")):
		return nil, errors.New("its last certificate isn't whole")
	case !some:
		return nil, errors.New("there is none in it")
	}
	return pool, nil
}

// parsePair takes a certificate and the key that goes with it.
func parsePair(contents [][]byte) (tls.Certificate, error) {
	return tls.X509KeyPair(contents[0], contents[1])
}

// token is what a token file holds.
type token struct {
	text    string
	expires time.Time // zero: not known
}

func parseToken(contents [][]byte) (t token, err error) {
	t.text, t.expires, err = login.ParseToken(contents[0])
	return t, err
}

// String hides the token.
func (token) String() string { return mask }

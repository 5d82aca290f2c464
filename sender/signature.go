package sender

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// sign sets the headers that every call needs anew: CheckSum = lower-case hex SHA-1(AppSecret + Nonce +
// CurTime), good for five minutes around CurTime. The nonce need only differ, not be secret.
func sign(h http.Header, key, secret string, now time.Time) {
	var random [16]byte
	binary.LittleEndian.PutUint64(random[:], rand.Uint64())
	binary.LittleEndian.PutUint64(random[8:], rand.Uint64())
	var buf [sha1.Size * 2]byte
	nonce := string(hex.AppendEncode(buf[:0], random[:]))
	cur := strconv.FormatInt(now.Unix(), 10)
	sum := sha1.Sum(append(append(append(make([]byte, 0, 128), secret...), nonce...), cur...))
	// Not Set: it would look each name up in its canonical form, which two of these are not.
	h["AppKey"] = []string{key}
	h["Nonce"] = []string{nonce}
	h["CurTime"] = []string{cur}
	h["CheckSum"] = []string{string(hex.AppendEncode(buf[:0], sum[:]))}
}

package world

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Frame is one request to Kafka, as it went out.
type Frame struct {
	Key     int16
	version int16
	body    []byte // behind key and version; good only while it is looked at
}

// frame reads what one write carries. Kafka's clients write a request at once; what isn't one whole request
// is none.
func frame(p []byte) (Frame, bool) {
	if len(p) < 12 || int(binary.BigEndian.Uint32(p)) != len(p)-4 {
		return Frame{}, false
	}
	return Frame{Key: int16(binary.BigEndian.Uint16(p[4:])), version: int16(binary.BigEndian.Uint16(p[6:])), body: p[8:]}, true
}

// Request decodes the request; nil if it can't be.
func (f Frame) Request() kmsg.Request {
	r := kmsg.RequestForKey(f.Key)
	if r == nil {
		return nil
	}
	r.SetVersion(f.version)
	in := kbin.Reader{Src: f.body}
	in.Int32()          // correlation id
	in.NullableString() // client id
	if r.IsFlexible() {
		kmsg.SkipTags(&in)
	}
	if r.ReadFrom(append([]byte(nil), in.Src...)) != nil {
		return nil
	}
	return r
}

// Code is the error that an answer to a Heartbeat or a SyncGroup bears; false: it can't be read.
func (f Frame) Code() (code int16, ok bool) {
	r := kmsg.RequestForKey(f.Key)
	if r == nil || len(f.body) < 8 {
		return 0, false
	}
	r.SetVersion(f.version)
	in := kbin.Reader{Src: f.body[8:]} // behind size and correlation id
	if r.IsFlexible() {
		kmsg.SkipTags(&in)
	}
	in.Int32() // how long it was throttled
	code = in.Int16()
	return code, in.Ok()
}

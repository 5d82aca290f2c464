package deadletter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"roomrelay/event"
)

func TestALetterKeepsItsRecordAndSaysWhatFailed(t *testing.T) {
	inOffice(t, 2, nil, func(o *office) {
		l := letter(3, 41)
		l.Record.Headers = []event.Header{{Key: "trace", Value: []byte{0xff, 1}}, {Key: "roomrelay.code", Value: []byte("7")}, {Key: "roomrelay.mark", Value: []byte("replay")}, {Key: "__dlq.errors.group", Value: []byte("x")}, {Key: "trace", Value: []byte("2")}}
		l.FirstFailedAt = time.Now().Add(-time.Minute)
		l.Message = "bad \xff text " + strings.Repeat("€", 1000)
		time.Sleep(time.Hour)
		o.Put(l)
		o.await(1, time.Second)
		got := o.read(1) // 3 modulo 2
		if len(got) != 1 {
			t.Fatalf("%d records, want 1", len(got))
		}
		f := got[0]
		if string(f.key) != "7" || string(f.value) != `{"roomid":7,"fromAccid":"ann","msgId":"m41","msgType":0,"resendFlag":1}` {
			t.Errorf("key %q value %s", f.key, f.value)
		}
		if late := time.Since(f.time); late > time.Second {
			t.Errorf("timestamp %v ago, want the time of writing", late)
		}
		message := f.header(HeaderMessage)
		if len(message) > maxMessage || len(message) < maxMessage-4 || !strings.HasPrefix(message, "bad \uFFFD text €") || !strings.HasSuffix(message, "€…") {
			t.Errorf("message of %d bytes %q...", len(message), message[:20])
		}
		want := []string{
			"trace=\xff\x01", "trace=2",
			"__dlq.errors.topic=chat", "__dlq.errors.partition=3", "__dlq.errors.offset=41", "__dlq.errors.group=relay", "__dlq.errors.delivery.count=1",
			"__dlq.errors.message=" + message, "roomrelay.reason=room-gone", "roomrelay.outcome=refused", "roomrelay.code=404", "roomrelay.http.status=200",
			"roomrelay.room=7", "roomrelay.msgid=m41", "roomrelay.failed-at=2000-01-01T00:00:00.000Z", "roomrelay.first-failed-at=1999-12-31T23:59:00.000Z",
			"roomrelay.first-partition=3", "roomrelay.first-offset=41", "roomrelay.replays=0",
		}
		if got := headersOf(f); !slices.Equal(got, want) {
			t.Errorf("headers\n%q, want\n%q", got, want)
		}
	})
}

func headersOf(f found) []string {
	var s []string
	for _, h := range f.headers {
		s = append(s, h.Key+"="+string(h.Value))
	}
	return s
}

func TestAnUndecodableRecordIsWrittenByteForByte(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		for i, v := range []string{`{"roomid":1,"resendFlag":0}`, "no \x00 json", ""} {
			l := letter(0, int64(i))
			l.Record.Value, l.Record.Key, l.Invalid, l.Room, l.MsgID, l.Code, l.HTTPStatus = []byte(v), nil, true, 0, "", 0, 0
			o.Put(l)
			o.await(i+1, time.Second)
			f := o.read(0)[i]
			if f.value == nil || string(f.value) != v || f.key != nil {
				t.Errorf("%q became %q with key %q", v, f.value, f.key)
			}
			for _, h := range f.headers {
				if h.Key == HeaderRoom || h.Key == HeaderMsgID || h.Key == HeaderCode || h.Key == HeaderHTTPStatus {
					t.Errorf("%s = %q though it isn't known", h.Key, h.Value)
				}
			}
		}
	})
}

func TestALetterRefusedForItsSizeIsWrittenEmpty(t *testing.T) {
	inOffice(t, 1, map[string]string{"max.message.bytes": "3000"}, func(o *office) {
		huge := letter(0, 1)
		huge.Record.Value = append(huge.Record.Value, noise(5000)...)
		huge.Record.Headers = []event.Header{{Key: "trace", Value: []byte("1")}}
		key := letter(0, 2)
		key.Record.Key = noise(5000)
		gone := letter(0, 3)
		gone.Record.Value, gone.Record.Oversize, gone.Invalid = nil, 99<<20, true
		o.lapse(true)
		for _, l := range []*Letter{letter(0, 0), huge, key, gone, letter(0, 4)} {
			o.Put(l)
		}
		o.lapse(false)
		o.await(5, time.Second)
		got := o.read(0)
		if len(got) != 5 {
			t.Fatalf("%d records", len(got))
		}
		for i, want := range []struct {
			truncated  string
			key, trace bool
		}{
			{"", true, false},
			{fmt.Sprint(len(huge.Record.Value)), true, false},
			{fmt.Sprint(len(key.Record.Value)), false, false},
			{fmt.Sprint(99 << 20), true, false},
			{"", true, false},
		} {
			f := got[i]
			if f.value == nil || (len(f.value) == 0) != (want.truncated != "") || f.header(HeaderTruncated) != want.truncated ||
				(f.key != nil) != want.key || (f.header("trace") != "") != want.trace || f.header(HeaderOffset) != fmt.Sprint(i) {
				t.Errorf("letter %d: value of %d bytes, truncated %q, key of %d, trace %q", i, len(f.value), f.header(HeaderTruncated), len(f.key), f.header("trace"))
			}
		}
		if s := o.Stats(); s.Truncated != 3 || s.Failed != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// noise is what doesn't compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

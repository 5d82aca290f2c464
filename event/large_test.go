package event

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestAValueLargerThanTheBufferIsInvalid(t *testing.T) {
	if _, err := Decode(Record{Value: []byte{}, Oversize: 1 << 30}); err == nil || !strings.Contains(err.Error(), "1073741824") {
		t.Errorf("%v, want an error with the size", err)
	}
}

const depth = 10_000 // the deepest nesting that is read, the event's own object included

func TestNestingIsBounded(t *testing.T) {
	nested := func(n int) string {
		return with(`"x":` + strings.Repeat("[", n) + strings.Repeat("]", n))
	}
	mustDecode(t, nested(depth-1))
	for _, value := range []string{nested(depth), nested(5_000_000), with(`"x":` + strings.Repeat(`{"":`, 2_500_000)), strings.Repeat("[", 10_000_000)} {
		if _, err := decode(t, value); err == nil {
			t.Errorf("a value of %d bytes, nested deeper than %d, was taken", len(value), depth)
		}
	}
}

// large gives values of about n bytes, each made to cost as much as it can.
func large(n int) map[string][]byte {
	var names bytes.Buffer
	for i := 0; names.Len() < n; i++ {
		fmt.Fprintf(&names, `"%x":0,`, i)
	}
	fill := func(format, unit string) []byte {
		return []byte(with(fmt.Sprintf(format, strings.Repeat(unit, n/len(unit)))))
	}
	return map[string][]byte{
		"names":           []byte(with(names.String() + `"z":0`)),
		"nested names":    []byte(with(`"x":{` + names.String() + `"z":0}`)),
		"text":            fill(`"attach":"%s"`, "x"),
		"escaped text":    fill(`"attach":"%s"`, `\u0001`),
		"object":          fill(`"attach":{"x":[%s0]}`, "0,"),
		"space in object": fill(`"attach":{%s}`, " "),
		"digits":          fill(`"subType":%s`, "9"),
		"option":          fill(`"env":"%s"`, "é"),
		"unknown":         fill(`"x":[%s0]`, "{},"),
		"unclosed":        bytes.Repeat([]byte(`{"x":[`), n/6),
	}
}

// What decoding allocates in all, and what of it stays, against the size of the value. A set of names
// is what costs most: to find one that stands twice, each is held as a string in a map.
func TestALargeValueCostsASmallMultipleOfItself(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one pool of readers, so that it is the same one that is used again
	const size = 2 << 20                            // the multiple is the same for 10 MiB, and names take seconds of it under -race
	for what, value := range large(size) {
		var before, after, kept runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		e, _ := Decode(Record{Value: value})
		runtime.ReadMemStats(&after)
		for range 3 { // a pool lets go of what two collections find unused: keep its reader in use
			mustDecode(t, with(`"x":1`))
			runtime.GC()
		}
		runtime.ReadMemStats(&kept)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 25*size {
			t.Errorf("%s: decoding %d bytes allocated %d", what, len(value), spent)
		}
		if held := int64(kept.HeapAlloc) - int64(before.HeapAlloc); held > size/10 {
			t.Errorf("%s: %d bytes were decoded, and %d more are held", what, len(value), held)
		}
		runtime.KeepAlive(e)
	}
}

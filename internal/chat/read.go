package chat

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"roomrelay/event"
)

// BadLine is a line that holds no JSON object, so that it can't be an event in any of the forms that Read
// knows. The Line beside it holds its bytes and number.
type BadLine struct {
	Number  int // from 1
	Problem string
}

func (e *BadLine) Error() string { return fmt.Sprintf("line %d: %s", e.Number, e.Problem) }

// maxLine bounds a line: the largest record that a broker takes by default is 1 MiB, and whoever raises
// that goes to a few times as much.
const maxLine = 16 << 20

// Read reads NDJSON, plain or compressed with gzip: each line is an event, or an event with the time at
// which it is to be published, {"atMs":1500,"event":{...}}. Blank lines are skipped.
//
// With a *BadLine reading goes on if the caller does; any other error is the last thing that it gives.
// Lines belong to the caller. Valid says whether the worker's own decoder accepts the event.
func Read(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		plain, err := plain(r)
		if err != nil {
			yield(Line{}, err)
			return
		}
		scanner := bufio.NewScanner(plain)
		scanner.Buffer(make([]byte, 64<<10), maxLine)
		number := 0
		for scanner.Scan() {
			number++
			text := bytes.TrimSpace(scanner.Bytes())
			if len(text) == 0 {
				continue
			}
			if !yield(read(number, bytes.Clone(text))) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("it is longer than %d MiB", maxLine>>20)
			}
			yield(Line{}, fmt.Errorf("reading line %d: %w", number+1, err))
		}
	}
}

// plain takes compression away, told by gzip's first two bytes (RFC 1952).
func plain(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(2)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("reading the first bytes: %w", err)
	case len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b:
		return b, nil
	}
	unzipped, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("reading gzip: %w", err)
	}
	return unzipped, nil
}

func read(number int, text []byte) (Line, error) {
	if text[0] != '{' {
		return Line{Number: number, Value: text}, &BadLine{number, "it holds no JSON object"}
	}
	at, value := timed(text)
	e, err := event.Decode(event.Record{Value: value})
	l := Line{Number: number, At: at, Value: value, Room: e.Room, Sender: e.Sender, MsgID: e.MsgID, Valid: err == nil}
	if e.Room != 0 {
		l.Key = strconv.AppendInt(nil, e.Room, 10)
	}
	return l, nil
}

// timed takes an event out of the form with a time. Any other text is the event itself.
func timed(text []byte) (time.Duration, []byte) {
	// What is wrong inside the event is the worker's to find.
	in := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var at time.Duration
	var value []byte
	if _, err := in.ReadToken(); err != nil {
		return 0, text
	}
	for in.PeekKind() == '"' {
		name, _ := in.ReadToken()
		field := name.String()
		raw, err := in.ReadValue()
		switch {
		case err != nil:
			return 0, text
		case field == "atMs":
			ms, err := strconv.ParseFloat(string(raw), 64)
			if err != nil || ms < 0 {
				return 0, text
			}
			at = time.Duration(ms * float64(time.Millisecond))
		case field == "event" && raw.Kind() == '{':
			value = bytes.Clone(raw)
		default:
			return 0, text // an event's own field: there is no need to look further
		}
	}
	if _, err := in.ReadToken(); err != nil || value == nil || in.InputOffset() != int64(len(text)) {
		return 0, text
	}
	return at, value
}

package sink

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Outcome is how a call was answered.
type Outcome uint8

const (
	Taken      Outcome = iota // every message delivered
	Refused                   // every message in fail
	Busy                      // code 503
	Unreadable                // no call at all
)

// Note is a call that came. IDs are JSON strings without their quotation marks.
type Note struct {
	At      time.Time
	Outcome Outcome
	Room    int64
	IDs     [][]byte
}

// notes are the calls of one connection, in the form in which they are handed out: appending bytes costs the
// least while calls come.
type notes []byte

func (n *notes) add(at time.Time, o Outcome, c *call) {
	b := binary.AppendVarint(*n, at.UnixNano())
	b = append(b, byte(o))
	b = binary.AppendVarint(b, c.room)
	b = binary.AppendUvarint(b, uint64(len(c.messages)))
	for i := range c.messages {
		id := c.messages[i].id
		id = id[1 : len(id)-1]
		b = binary.AppendUvarint(b, uint64(len(id)))
		b = append(b, id...)
	}
	*n = b
}

// Bounds of what is believed of a note.
const (
	mostMessages = 100
	longestID    = 1 << 16
)

// ReadNotes reads what a sink handed out, in no order.
func ReadNotes(r io.Reader) (all []Note, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		n, err := readNote(in)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, fmt.Errorf("reading the notes of calls: %w", err)
		}
		all = append(all, n)
	}
}

// readNote reads one; io.EOF only where there is no other.
func readNote(in *bufio.Reader) (n Note, err error) {
	at, err := binary.ReadVarint(in)
	if err != nil {
		return n, err
	}
	n.At = time.Unix(0, at)
	o, err := in.ReadByte()
	if err != nil {
		return n, io.ErrUnexpectedEOF
	}
	n.Outcome = Outcome(o)
	if n.Room, err = binary.ReadVarint(in); err != nil {
		return n, io.ErrUnexpectedEOF
	}
	count, err := binary.ReadUvarint(in)
	if err != nil || count > mostMessages {
		return n, io.ErrUnexpectedEOF
	}
	for range count {
		size, err := binary.ReadUvarint(in)
		if err != nil || size > longestID {
			return n, io.ErrUnexpectedEOF
		}
		id := make([]byte, size)
		if _, err := io.ReadFull(in, id); err != nil {
			return n, io.ErrUnexpectedEOF
		}
		n.IDs = append(n.IDs, id)
	}
	return n, nil
}

package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/internal/config"
)

// recordJSON is one record of the dead-letter topic as export writes it, and import reads it. What isn't
// UTF-8 stands in base64; null is null.
type recordJSON struct {
	Place    string       `json:"place"` // where it stood: it gets another place when it is read in
	Key      *string      `json:"key"`
	KeyB64   string       `json:"keyBase64,omitempty"`
	Value    *string      `json:"value"`
	ValueB64 string       `json:"valueBase64,omitempty"`
	Headers  []headerJSON `json:"headers"`
}

const exportLong = `Writes letters as they stand on the dead-letter topic, with key, headers and value, one JSON object a line: for another cluster, or for a report. import reads them back into the same letters. Without --all it writes the outstanding ones; with it also those that are done or on their way. Marks aren't written.`

func (p *program) exportCommand() *cobra.Command {
	var filter *filterFlags
	var all bool
	c := p.command("export", "Write letters with all that they have", exportLong, config.Operator, func(ctx context.Context, f *config.Flags) error {
		d, err := p.sit(f)
		if err != nil {
			return err
		}
		defer d.close()
		entries, err := d.newest(ctx, filter, all)
		if err != nil {
			return err
		}
		out := bufio.NewWriter(p.out)
		n, gone := 0, 0
		err = d.each(ctx, entries, func(e *deadletter.Entry, f *deadletter.Filed) error {
			if f == nil {
				gone++
				return nil
			}
			n++
			r := recordJSON{Place: f.Place.String(), Headers: headersJSON(f.Headers)}
			r.Key, r.KeyB64 = textOrBytes(f.Key)
			r.Value, r.ValueB64 = textOrBytes(f.Value)
			return writeLine(out, r)
		})
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return d.explained(err)
		}
		fmt.Fprintf(p.err, "Written: %s.\n", plural(n, "letter", "letters"))
		if gone > 0 {
			fmt.Fprintf(p.err, "Taken by retention meanwhile: %s.\n", grouped(gone))
			return errLeft
		}
		return nil
	})
	filter = newFilterFlags(c.Flags())
	c.Flags().BoolVar(&all, "all", false, "those on their way and those done, too")
	return c
}

const importLong = `Appends letters that export wrote to the dead-letter topic: the same letters, with the identities that they had. Letters whose events stand elsewhere here keep saying where they stood. A letter that is there already gets a second record, and stays one letter, unless it is done: then it counts as outstanding again if its mark is long ago. A line that holds no letter is told and left out.`

func (p *program) importCommand() *cobra.Command {
	var input string
	c := p.command("import", "Append letters that export wrote", importLong, config.Operator, func(ctx context.Context, f *config.Flags) error {
		in, _, err := p.open(source{input: input})
		if err != nil {
			return err
		}
		defer in.Close()
		d, err := p.sit(f)
		if err != nil {
			return err
		}
		defer d.close()
		return d.take(ctx, in)
	})
	c.Flags().StringVar(&input, "input", "-", "`file` with letters; -: standard input")
	return c
}

// take reads letters in.
func (d *desk) take(ctx context.Context, in io.Reader) error {
	written, left := 0, 0
	var batch []*deadletter.Filed
	bytes := 0
	flush := func() error {
		if err := d.File(ctx, batch); err != nil {
			return err
		}
		written += len(batch)
		batch, bytes = batch[:0], 0
		return nil
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, mostLine)
	var failed error
	for n := 1; lines.Scan() && failed == nil && ctx.Err() == nil; n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		f, err := d.letterOf(lines.Bytes())
		if err != nil {
			left++
			fmt.Fprintf(d.p.err, "line %d: %s; left out\n", n, safe(err.Error()))
			continue
		}
		batch = append(batch, f)
		if bytes += len(lines.Bytes()); len(batch) >= fetched || bytes > 1<<20 {
			failed = flush()
		}
	}
	if failed == nil && ctx.Err() == nil {
		failed = errors.Join(flush(), lines.Err())
	}
	fmt.Fprintf(d.p.err, "Read in: %s", plural(written, "letter", "letters"))
	if left > 0 {
		fmt.Fprintf(d.p.err, "; lines left out: %s", grouped(left))
	}
	fmt.Fprintln(d.p.err, ".")
	switch {
	case failed != nil:
		return d.explained(failed)
	case ctx.Err() != nil:
		return errors.New("stopped before the end")
	case left > 0:
		return errLeft
	}
	return nil
}

// mostLine is the longest line: a value of 10 MiB in base64, with its headers.
const mostLine = 16 << 20

func (d *desk) letterOf(text []byte) (*deadletter.Filed, error) {
	var r recordJSON
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("no JSON object of a letter: %w", err)
	}
	key, err := bytesOf(r.Key, r.KeyB64)
	if err != nil {
		return nil, err
	}
	value, err := bytesOf(r.Value, r.ValueB64)
	if err != nil {
		return nil, err
	}
	x := deadletter.Filed{Key: key, Value: value}
	for _, h := range r.Headers {
		b, err := bytesOf(h.Value, h.ValueB64)
		if err != nil {
			return nil, err
		}
		x.Headers = append(x.Headers, event.Header{Key: h.Name, Value: b})
	}
	return d.ReadBack(x.Key, x.Value, x.Headers)
}

// bytesOf is what textOrBytes was given.
func bytesOf(text *string, encoded string) ([]byte, error) {
	switch {
	case encoded != "":
		b, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("what stands in base64 can't be read: %w", err)
		}
		return b, nil
	case text == nil:
		return nil, nil
	}
	return []byte(*text), nil
}

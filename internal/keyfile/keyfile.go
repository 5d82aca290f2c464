// Package keyfile keeps what a file of secrets, keys or certificates holds, and follows its changes.
//
// It promises that Value is what the file held when it could last be used: a file that is missing, half written or
// wrong changes nothing, and is told in the log, but not at each look; that a file whose change is complete is used
// within two seconds; and that several files which belong together, such as a certificate and its key, are only ever
// used together. It needs no signal and no goroutine: a file is looked at when its value is asked for.
//
// It doesn't know what a file is for, and it can't tell a half-written file from a whole one but by what the
// parser says and by its having been left alone for a second.
package keyfile

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// lookEvery bounds what asking costs: a value may be asked for a hundred times a second.
	lookEvery = time.Second
	// settles is how long a file must have been left alone: a writer that is at it writes more often.
	settles = time.Second
)

// File is one or more files that are used together. It is safe for concurrent use.
type File[T any] struct {
	paths  []string
	parse  func([][]byte) (T, error)
	log    zerolog.Logger
	rarely zerolog.Logger // of what may repeat

	mu       sync.Mutex // of the fields below
	value    T
	version  uint64
	contents [][]byte
	infos    []os.FileInfo // of contents
	looked   time.Time
}

// Open reads the files. parse makes the value of their contents, which are in the order of paths; its errors must not
// contain secrets, since they are logged.
func Open[T any](log zerolog.Logger, parse func(contents [][]byte) (T, error), paths ...string) (*File[T], error) {
	// One line a minute is enough to be seen, whoever asks how often.
	rarely := log.Sample(&zerolog.BurstSampler{Burst: 1, Period: time.Minute})
	f := &File[T]{paths: paths, parse: parse, log: log, rarely: rarely, looked: time.Now()}
	infos, err := f.stat()
	if err != nil {
		return nil, err
	}
	contents, err := f.read()
	if err != nil {
		return nil, err
	}
	value, err := parse(contents)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", paths[0], err)
	}
	f.value, f.version, f.contents, f.infos = value, 1, contents, infos
	return f, nil
}

// Value returns what the files hold, or held when they could last be used. version changes with it.
func (f *File[T]) Value() (value T, version uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= lookEvery {
		f.looked = now
		f.look(now)
	}
	return f.value, f.version
}

// look takes over what has changed. f.mu is held.
func (f *File[T]) look(now time.Time) {
	infos, err := f.stat()
	if err != nil {
		f.tell(err)
		return
	}
	if same(infos, f.infos) {
		return
	}
	for _, i := range infos {
		// A time in the future is that of a host whose clock differs: it can't be waited for.
		if age := now.Sub(i.ModTime()); age >= 0 && age < settles {
			return
		}
	}
	contents, err := f.read()
	if err != nil {
		f.tell(err)
		return
	}
	if again, err := f.stat(); err != nil || !same(infos, again) {
		return // it is being written: the next look sees more
	}
	value, err := f.parse(contents)
	if err != nil {
		f.tell(err)
		return
	}
	f.infos = infos
	if equal(contents, f.contents) {
		return // touched, or mounted anew
	}
	f.value, f.contents = value, contents
	f.version++
	f.log.Info().Strs("files", f.paths).Msg("file has changed and is used")
}

func (f *File[T]) tell(err error) {
	f.rarely.Warn().Err(err).Strs("files", f.paths).Msg("file can't be used, what it held before goes on")
}

func (f *File[T]) stat() ([]os.FileInfo, error) {
	infos := make([]os.FileInfo, len(f.paths))
	for i, p := range f.paths {
		var err error
		if infos[i], err = os.Stat(p); err != nil {
			return nil, err
		}
	}
	return infos, nil
}

func (f *File[T]) read() ([][]byte, error) {
	contents := make([][]byte, len(f.paths))
	for i, p := range f.paths {
		var err error
		if contents[i], err = os.ReadFile(p); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

func same(a, b []os.FileInfo) bool {
	for i := range a {
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}

func equal(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

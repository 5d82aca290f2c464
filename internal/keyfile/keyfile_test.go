package keyfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// pair takes two files that hold the same text.
func pair(c [][]byte) (string, error) {
	if len(c[0]) == 0 || !bytes.Equal(c[0], c[1]) {
		return "", errors.New("they don't go together")
	}
	return string(c[0]), nil
}

// write writes a file as of now in the test's time.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

type rig struct {
	*testing.T
	a, b string
	file *File[string]
	log  *bytes.Buffer
}

// inFakeTime runs a test with a pair of files that hold "old".
func inFakeTime(t *testing.T, test func(*rig)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, a: filepath.Join(dir, "a"), b: filepath.Join(dir, "b"), log: &bytes.Buffer{}}
		write(t, r.a, "old")
		write(t, r.b, "old")
		var err error
		if r.file, err = Open(zerolog.New(r.log), pair, r.a, r.b); err != nil {
			t.Fatal(err)
		}
		test(r)
	})
}

// holds checks the value after some time.
func (r *rig) holds(after time.Duration, want string, version uint64) {
	r.Helper()
	time.Sleep(after)
	if got, v := r.file.Value(); got != want || v != version {
		r.Errorf("%q, version %d; want %q, %d\n%s", got, v, want, version, r.log)
	}
}

func TestAChangeIsUsedWhenItIsComplete(t *testing.T) {
	inFakeTime(t, func(r *rig) {
		r.holds(time.Hour, "old", 1)
		write(r.T, r.a, "new")
		r.holds(1500*time.Millisecond, "old", 1) // the other one is missing yet
		write(r.T, r.b, "ne")
		r.holds(1100*time.Millisecond, "old", 1)
		write(r.T, r.b, "new")
		r.holds(900*time.Millisecond, "old", 1) // perhaps more is to come
		r.holds(1100*time.Millisecond, "new", 2)
		write(r.T, r.a, "newer")
		r.holds(2*time.Second, "new", 2)
		write(r.T, r.b, "newer")
		r.holds(2*time.Second, "newer", 3)
		for told, want := range map[string]int{"they don't go together": 1, "file has changed and is used": 2} {
			if n := strings.Count(r.log.String(), told); n != want {
				r.Errorf("%q %d times, want %d:\n%s", told, n, want, r.log)
			}
		}
	})
}

func TestAFileThatIsGoneOrEmptyChangesNothing(t *testing.T) {
	inFakeTime(t, func(r *rig) {
		if err := os.Remove(r.a); err != nil {
			r.Fatal(err)
		}
		r.holds(time.Minute, "old", 1)
		if !strings.Contains(r.log.String(), "no such file") {
			r.Errorf("not told:\n%s", r.log)
		}
		write(r.T, r.a, "")
		write(r.T, r.b, "")
		r.holds(time.Minute, "old", 1)
		write(r.T, r.a, "old") // as it was
		write(r.T, r.b, "old")
		r.holds(time.Minute, "old", 1)
	})
}

func TestAFileThatIsReplacedByRenamingIsUsed(t *testing.T) {
	inFakeTime(t, func(r *rig) {
		time.Sleep(time.Hour)
		for _, p := range []string{r.a, r.b} {
			write(r.T, p+".next", "neu") // of the same size
			if err := os.Chtimes(p+".next", time.Now(), time.Now().Add(-time.Hour)); err != nil {
				r.Fatal(err)
			}
			if err := os.Rename(p+".next", p); err != nil {
				r.Fatal(err)
			}
		}
		r.holds(lookEvery, "neu", 2)
	})
}

func TestAFileFromAHostWhoseClockIsAheadIsUsed(t *testing.T) {
	inFakeTime(t, func(r *rig) {
		for _, p := range []string{r.a, r.b} {
			write(r.T, p, "new")
			if err := os.Chtimes(p, time.Now(), time.Now().Add(time.Hour)); err != nil {
				r.Fatal(err)
			}
		}
		r.holds(lookEvery, "new", 2)
	})
}

func TestAFileIsLookedAtOnceASecondHoweverOftenItIsAskedFor(t *testing.T) {
	inFakeTime(t, func(r *rig) {
		time.Sleep(10 * time.Second)
		r.file.Value()
		write(r.T, r.a, "new")
		write(r.T, r.b, "new")
		for _, p := range []string{r.a, r.b} {
			if err := os.Chtimes(p, time.Now(), time.Now().Add(-time.Minute)); err != nil {
				r.Fatal(err)
			}
		}
		r.holds(lookEvery-time.Millisecond, "old", 1)
		r.holds(time.Millisecond, "new", 2)
	})
}

func TestWhatCannotBeReadAtTheStartIsAnError(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(zerolog.Nop(), pair, filepath.Join(dir, "none"), dir); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "x")
	write(t, b, "y")
	if _, err := Open(zerolog.Nop(), pair, a, b); err == nil || !strings.Contains(err.Error(), "go together") {
		t.Errorf("%v", err)
	}
}

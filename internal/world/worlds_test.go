package world_test

import (
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"roomrelay/internal/world"
)

var (
	worlds = flag.Int("worlds", 16, "how many worlds are played")
	seed   = flag.Uint64("seed", 1, "the first one's seed")
)

// Whatever happens, once it is over: nothing is lost, nothing is shown twice, nothing was swapped, and
// letters are only what deserves one.
func TestWorldsEndWell(t *testing.T) {
	for i := range uint64(*worlds) {
		t.Run(fmt.Sprint(*seed+i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { play(t, *seed+i) })
		})
	}
}

func play(t *testing.T, seed uint64) {
	plan := world.Draw(seed)
	defer func() {
		if t.Failed() {
			t.Logf("replay: go test ./internal/world -run TestWorldsEndWell -seed %d -worlds 1\nplan: %+v", seed, *plan)
		}
	}()
	cfg, run := plan.Options()
	w := world.New(t, cfg)
	defer w.Close()
	for _, v := range world.Play(w, plan, run, 3*time.Minute) {
		t.Error(v)
	}
}

package replay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"roomrelay/deadletter"
)

// gauge watches the group: how much of what was published it has settled, and whether it falls behind.
type gauge struct {
	cfg     *Config
	looked  time.Time
	pending []deadletter.Place // published, and not known to be settled
	lag     int64              // of all records
	live    []int64            // of those that aren't ours, at the last looks; the latest is the last one
	said    time.Time
	moved   time.Time // something was published or settled
}

const (
	// lagLeast is the lag below which it may grow: a second of chat is always on its way.
	lagLeast = 1000
	// It grows if it is the longest of the last lookBack looks, and longer by lagStep than the shortest: a
	// single look may hit upon a burst.
	lookBack = 5
	lagStep  = 100
	// sayEvery is how often a person who waits is told why.
	sayEvery = 15 * time.Second
)

func newGauge(cfg *Config) *gauge { return &gauge{cfg: cfg, said: time.Now(), moved: time.Now()} }

// elsewhere says that the letters go where the group's commits tell nothing of them.
func (g *gauge) elsewhere() bool { return g.cfg.To != g.cfg.Desk.Source }

// look reads the group's commits, if that wasn't done just now.
func (g *gauge) look(ctx context.Context) error {
	if g.elsewhere() || time.Since(g.looked) < look {
		return nil
	}
	p, err := g.cfg.Desk.Progress(ctx, g.cfg.Desk.Group, g.cfg.To)
	if err != nil {
		return err
	}
	g.looked = time.Now()
	before := len(g.pending)
	g.pending = slices.DeleteFunc(g.pending, p.Settled)
	if len(g.pending) < before {
		g.said, g.moved = g.looked, g.looked // it goes on: nothing needs to be said
	}
	g.lag = p.Lag()
	g.live = append(g.live, max(0, g.lag-int64(len(g.pending))))
	if len(g.live) > lookBack {
		g.live = g.live[1:]
	}
	return nil
}

// published notes where letters stand now.
func (g *gauge) published(at deadletter.Place) {
	g.moved = time.Now()
	if !g.elsewhere() {
		g.pending = append(g.pending, at)
	}
}

func (g *gauge) unsettled() int { return len(g.pending) }

// room is how many letters may be published now; if none, why.
func (g *gauge) room() (n int, why string) {
	if !g.cfg.IgnoreLag && g.grows() {
		return 0, fmt.Sprintf("live chat goes first, and the group's lag grows: it is %d", g.lag)
	}
	if g.cfg.MaxUnsettled == 0 {
		return MostUnmarked, ""
	}
	if n = max(0, g.cfg.MaxUnsettled-len(g.pending)); n == 0 {
		return 0, fmt.Sprintf("%d replayed messages aren't settled yet", len(g.pending))
	}
	return n, ""
}

// grows says that the group falls behind.
func (g *gauge) grows() bool {
	if len(g.live) == 0 {
		return false
	}
	now := g.live[len(g.live)-1]
	return now > lagLeast && now == slices.Max(g.live) && now >= slices.Min(g.live)+lagStep
}

// worthSaying is true now and then while nothing goes on.
func (g *gauge) worthSaying() bool {
	if time.Since(g.said) < sayEvery {
		return false
	}
	g.said = time.Now()
	return true
}

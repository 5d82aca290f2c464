package replay

import (
	"fmt"
	"time"

	"roomrelay/deadletter"
)

// Rules say which letters are left aside though they are outstanding.
type Rules struct {
	MaxReplays   int           // one that failed after as many replays; 0: however many
	DedupeWindow time.Duration // one that may have been shown, and failed first longer ago than the API remembers msgIds
	Force        bool          // leave none aside for these two, nor since its event is still in a worker's hands
	Topic        string        // only letters of this topic; "": of any
	Group        string        // only letters of this group, whose commits tell what becomes of them; "": of any
	Mended       bool          // letters that the worker would refuse as they are get mended
	Changed      bool          // letters are changed, and keep their msgId
	Now          time.Time
}

const inHand = "their events aren't settled by the group, whose worker will send them again by itself"

// ChooseDone parts letters into those that can be marked as done and those left aside, counted by why.
func ChooseDone(l *deadletter.Ledger, entries []*deadletter.Entry, markForeign bool) (chosen []*deadletter.Entry, aside map[string]int) {
	aside = map[string]int{}
	for _, e := range entries {
		if e.By != deadletter.Ours && !markForeign {
			aside["written by something else (--mark-foreign marks them)"]++
			continue
		}
		if l.InHand(e) {
			aside[inHand]++
			continue
		}
		chosen = append(chosen, e)
	}
	return chosen, aside
}

// Choose parts outstanding letters into those to be published and those left aside, counted by why.
func Choose(l *deadletter.Ledger, entries []*deadletter.Entry, r Rules) (chosen []*deadletter.Entry, aside map[string]int) {
	aside = map[string]int{}
	for _, e := range entries {
		if why := r.aside(l, e); why != "" {
			aside[why]++
			continue
		}
		chosen = append(chosen, e)
	}
	return chosen, aside
}

func (r *Rules) aside(l *deadletter.Ledger, e *deadletter.Entry) string {
	switch {
	case r.Topic != "" && e.Identity.Topic != r.Topic:
		return fmt.Sprintf("of topic %s, not %s (--to says where they go)", e.Identity.Topic, r.Topic)
	case r.Group != "" && e.Identity.Group != r.Group:
		return fmt.Sprintf("of group %s: only its own commits tell what becomes of them (--group)", e.Identity.Group)
	case e.Invalid && !r.Mended:
		return "the worker would refuse them again (--set or --value-file mends them)"
	case r.Changed && e.Outcome == deadletter.OutcomeUnknown:
		return "may have been shown, so that they can be changed only together with a new msgId"
	case r.Force:
		return ""
	case l.InHand(e):
		return inHand
	case r.MaxReplays > 0 && int(e.Replays) >= r.MaxReplays:
		return fmt.Sprintf("replayed %d times or more (--max-replays, --force)", r.MaxReplays)
	case e.Outcome == deadletter.OutcomeUnknown && r.Now.Sub(e.FirstFailedAt.Time()) > r.DedupeWindow:
		return fmt.Sprintf("may have been shown, more than %v ago: the API may show them again (--dedupe-window, --force)", r.DedupeWindow)
	}
	return ""
}

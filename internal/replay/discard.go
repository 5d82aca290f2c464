package replay

import (
	"context"
	"time"

	"roomrelay/deadletter"
)

// Discard marks letters as done without sending them. They are read once, for what a mark says of its letter.
// The end of ctx ends it between two rounds.
func (r *Replay) Discard(ctx context.Context) (*Outcome, error) {
	r.queue.rate = 0 // nothing is sent, so no room needs a pace
	for !r.queue.empty() {
		if ctx.Err() != nil {
			return &r.out, ErrStopped
		}
		some, _ := r.queue.take(time.Now(), MostUnmarked)
		if err := r.discard(ctx, some); err != nil {
			return &r.out, err
		}
		r.report()
	}
	return &r.out, nil
}

func (r *Replay) discard(ctx context.Context, some []*deadletter.Entry) error {
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := r.follow(whole); err != nil {
		return err
	}
	some = r.others(some)
	filed, err := r.cfg.Desk.Fetch(whole, some)
	if err != nil {
		return err
	}
	now := time.Now()
	var marks []*deadletter.Mark
	for i, e := range some {
		m := deadletter.Mark{Action: deadletter.ActionDiscard, At: now, By: r.cfg.By, Why: r.cfg.Why}
		if filed[i] != nil {
			m.MsgID = filed[i].MsgID
		}
		marks = append(marks, deadletter.MarksOf(e, m)...)
	}
	if err := r.cfg.Desk.Mark(whole, marks); err != nil {
		return err
	}
	r.out.Published += len(some)
	return nil
}

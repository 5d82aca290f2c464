package imsim

import (
	"strings"
	"time"
)

// verdict is what becomes of one message.
type verdict uint8

const (
	shown     verdict = iota // shown and in `success`
	repeated                 // not shown again, in `success`
	fault                    // not shown, in `fail` with the rule's reason
	resend                   // not shown, in `fail` with ReasonResend
	duplicate                // not shown, in `fail` with ReasonRepeat
	passed                   // left out of both lists, and not shown either
)

// take lets the rooms have what of the call they are shown. The verdicts fault and passed stand already.
// It returns 417 if the whole call is refused as a repetition, else 200.
func (s *Sim) take(c *call, p *plan) int {
	c.taken = true
	texts := s.texts(c)
	now := time.Now()
	sh := s.rooms.of(c.room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if p != nil && p.faults.Repeat == Repeat417 && sh.allRepeated(c) {
		s.numb.deduplicated.Add(int64(len(c.messages)))
		return 417
	}
	var r *room
	for i := range c.messages {
		m := &c.messages[i]
		if m.verdict != shown {
			continue
		}
		times, seen := sh.seen[m.hash]
		m.verdict = s.judge(m.flag, seen, p)
		if m.verdict != shown {
			continue
		}
		if r == nil {
			r = sh.room(c.room)
			r.shown = true
		}
		if sh.seen[m.hash] = min(times+1, 2); times == 1 {
			s.numb.shownTwice.Add(1)
		}
		m.now = true
		s.numb.shown.Add(1)
		if s.cfg.Keep != KeepNothing {
			r.log = append(r.log, kept{
				text: texts[m.from:m.to], sender: uint32(len(c.sender)), msgID: uint32(len(m.id)), attach: m.attachKept,
				kind: m.kind, flag: m.flag, order: s.rooms.order.Add(1), at: now.UnixNano(),
			})
		}
	}
	return 200
}

// judge is the verdict on a message that nothing else refuses.
func (s *Sim) judge(flag uint8, seen bool, p *plan) verdict {
	switch {
	case !seen && flag == 1 && p != nil && p.faults.NeverHad == NeverHadRefuse:
		return resend
	case !seen:
		return shown
	case flag == 0:
		s.numb.unflagged.Add(1)
		if s.cfg.Forgetful {
			return shown
		}
		return resend
	default:
		s.numb.deduplicated.Add(1)
		if p != nil && p.faults.Repeat == RepeatFail {
			return duplicate
		}
		return repeated
	}
}

// allRepeated says that every message was seen and comes with resendFlag 1.
func (sh *shard) allRepeated(c *call) bool {
	for i := range c.messages {
		m := &c.messages[i]
		if _, seen := sh.seen[m.hash]; !seen || m.flag == 0 || m.verdict != shown {
			return false
		}
	}
	return true
}

// texts is all that is to be kept of the call's messages in one string, made before the lock is taken:
// one allocation a call, not five a message.
func (s *Sim) texts(c *call) string {
	if s.cfg.Keep == KeepNothing {
		return ""
	}
	size := 0
	for i := range c.messages {
		m := &c.messages[i]
		size += len(c.sender) + len(m.id) + len(m.attach) + len(m.ext)
	}
	var b strings.Builder
	b.Grow(size)
	for i := range c.messages {
		m := &c.messages[i]
		m.from = b.Len()
		b.Write(c.sender)
		b.Write(m.id)
		m.attachKept = 0
		if s.cfg.Keep == KeepAll {
			b.Write(m.attach)
			b.Write(m.ext)
			m.attachKept = uint32(len(m.attach))
		}
		m.to = b.Len()
	}
	return b.String()
}

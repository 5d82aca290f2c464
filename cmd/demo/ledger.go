package main

import (
	"hash/maphash"
	"sync"

	"roomrelay/internal/audit"
	"roomrelay/internal/imsim"
)

// ledger watches the API's side of every call for messages that come again with resendFlag 0 though an
// earlier call may have brought them. The simulator counts those that were shown; the ledger also finds
// those whose call ended without a verdict before they were taken, which no worker can know.
type ledger struct {
	seed   maphash.Seed
	shards [32]ledgerShard
}

// ledgerShard holds a part of the rooms, so that calls of different rooms seldom wait for one another.
type ledgerShard struct {
	mu        sync.Mutex          // guards all below
	maybe     map[uint64]struct{} // hashes of messages that the API may have
	unflagged []audit.Message
	calls     int64
	messages  int64
}

func newLedger() *ledger {
	l := &ledger{seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].maybe = map[uint64]struct{}{}
	}
	return l
}

// unknown are the API's codes that leave open whether the messages were taken.
var unknown = map[int]bool{0: true, 408: true, 415: true, 431: true, 500: true, 503: true, 514: true}

func (l *ledger) note(c imsim.Call) {
	s := &l.shards[uint64(c.Room)%uint64(len(l.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.messages += int64(len(c.Messages))
	for _, m := range c.Messages {
		name := audit.Message{Room: c.Room, MsgID: m.MsgID}
		hash := maphash.Comparable(l.seed, name)
		if _, may := s.maybe[hash]; may && m.Flag == 0 {
			s.unflagged = append(s.unflagged, name)
		}
		if c.Taken || unknown[c.Code] {
			s.maybe[hash] = struct{}{}
		}
	}
}

// read is what was found so far.
func (l *ledger) read() (unflagged []audit.Message, calls, messages int64) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		unflagged = append(unflagged, s.unflagged...)
		calls += s.calls
		messages += s.messages
		s.mu.Unlock()
	}
	return unflagged, calls, messages
}

package deadletter

// key is an Identity in less room.
type key struct {
	group, topic, topicID uint32
	partition             int32
	offset                int64
}

// names are texts that repeat, each kept once. It belongs to one goroutine.
type names struct {
	ids  map[string]uint32
	list []string
}

// mostNames is how many texts are kept of which there are usually a few dozen: what repeats less isn't worth it.
const mostNames = 1 << 12

func newNames() *names { return &names{ids: map[string]uint32{}} }

func (n *names) id(s string) uint32 {
	id, ok := n.ids[s]
	if !ok {
		id = uint32(len(n.list))
		n.ids[s] = id
		n.list = append(n.list, s)
	}
	return id
}

func (n *names) same(s string) string {
	if _, ok := n.ids[s]; !ok && len(n.list) >= mostNames {
		return s
	}
	return n.list[n.id(s)]
}

func (n *names) key(i Identity) key {
	return key{n.id(i.Group), n.id(i.Topic), n.id(i.TopicID), i.Partition, i.Offset}
}

// shelf is one partition of the dead-letter topic as it is read, from old to new. It belongs to one goroutine.
//
// A letter is taken away as soon as a mark covers it and its replay is settled. So memory is that of what is
// outstanding or on its way, and of the marks read last.
type shelf struct {
	partition int32
	reading   *Reading
	settled   Settled
	names     *names
	open      map[key]*Entry
	covered   covered
	ended     map[key]*Entry // those that are done, where they are asked for

	done       map[string]int // letters of a group ended here, less those that came back here
	taken      int            // letters that retention took outstanding, as far as checkpoints tell
	gone       int            // of these, letters that a mark may still turn out to cover
	resuming   bool           // what comes was counted when the checkpoint was made
	read       int            // records, without those that a checkpoint kept
	begun      bool           // something was read
	resumed    bool           // there was a checkpoint
	unreadable int
	foreign    bool // something else writes to the topic: it gets no checkpoint
}

func newShelf(partition int32, r *Reading, settled Settled) *shelf {
	return &shelf{partition: partition, reading: r, settled: settled, names: newNames(), open: map[key]*Entry{}, done: map[string]int{}, ended: map[key]*Entry{}}
}

// letter takes in a record of a letter.
func (s *shelf) letter(f *Filed, matched bool) {
	s.foreign = s.foreign || f.By != Ours
	k := s.names.key(f.Identity)
	if c, ok := s.covered.get(k); ok && f.Replays <= c.replays {
		return // a copy that comes after the mark
	}
	e := s.open[k]
	switch {
	case e == nil:
		e = &Entry{}
		s.open[k] = e
		delete(s.ended, k)
		if f.Replays > 0 && !s.resuming {
			s.done[f.Identity.Group]-- // it came back from a replay that has ended
		}
	case f.Replays < int(e.Replays):
		return
	}
	e.update(f, s.names, matched)
}

// mark takes in a mark.
func (s *shelf) mark(m *Mark) {
	k := s.names.key(m.Identity)
	c, ok := s.covered.get(k)
	first := !ok || c.replays < m.Replays // another operator's mark of the same failure counts once
	if first {
		s.covered.put(k, coveredBy{m.Replays, m.Place.Offset, momentOf(m.written)})
	}
	e := s.open[k]
	if e == nil {
		if first && !s.resuming {
			s.done[m.Identity.Group]++ // retention has taken its letter
			if s.gone > 0 {
				s.gone--
				s.taken--
			}
		}
		return
	}
	if int(e.Replays) > m.Replays {
		return
	}
	e.Marks = append(e.Marks, m)
	e.State = OnItsWay
	if s.over(e) {
		s.end(k, e)
	}
}

// over says that nothing of a marked letter is on its way any more.
func (s *shelf) over(e *Entry) bool {
	for _, m := range e.Marks {
		if m.Action == ActionDiscard || m.elsewhere() {
			continue
		}
		if !s.settled.Settled(m.Identity.Group, m.Identity.Topic, m.Position) {
			return false
		}
	}
	return true
}

// end takes a letter away that is done.
func (s *shelf) end(k key, e *Entry) {
	delete(s.open, k)
	s.done[e.Identity.Group]++
	if s.reading.Done && e.Matched {
		e.State = Done
		s.ended[k] = e
		return
	}
	e.Marks = nil
}

// settle looks again at what is on its way.
func (s *shelf) settle() {
	for k, e := range s.open {
		if e.State == OnItsWay && s.over(e) {
			s.end(k, e)
		}
	}
}

// covered remembers which letters the last marks cover, so that a copy that comes after its mark is known as
// one: the write of a letter that wasn't answered and was repeated, or the failure of another operator's
// replay. Both come within seconds. It is of fixed size: the newer half is kept when the older one goes.
type covered struct{ newer, older map[key]coveredBy }

// coveredBy is up to which of its failures a letter is covered, and by which mark.
type coveredBy struct {
	replays int
	offset  int64
	written Moment
}

const halfCovered = 1 << 12

func (c *covered) get(k key) (by coveredBy, ok bool) {
	if by, ok = c.newer[k]; ok {
		return by, ok
	}
	by, ok = c.older[k]
	return by, ok
}

func (c *covered) put(k key, by coveredBy) {
	if c.newer == nil || len(c.newer) >= halfCovered {
		c.older, c.newer = c.newer, make(map[key]coveredBy)
	}
	c.newer[k] = by
}

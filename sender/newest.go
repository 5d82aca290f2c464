package sender

// tick numbers what happens: beginnings and ends of calls. Unlike instants no two are the same, so they
// tell what came first even where a clock doesn't.
type tick uint64

// newest is the newest event of some kind in any room, and the newest in any other room than that one's.
// So little is enough to tell for every room when another one had its last.
type newest struct {
	room   int64
	at     tick // 0: there was none
	before tick // the newest of any other room; 0: there was none
}

func (n *newest) note(room int64, at tick) {
	switch {
	case room == n.room:
		n.at = max(n.at, at)
	case at > n.at:
		n.room, n.at, n.before = room, at, n.at
	default:
		n.before = max(n.before, at)
	}
}

// elsewhere is when another room than this one had its last; 0: never.
func (n *newest) elsewhere(room int64) tick {
	if room == n.room {
		return n.before
	}
	return n.at
}

package sender

// streak is the rooms of the last calls in a row that ended in the same bad way.
type streak struct {
	calls, over int     // long enough: so many calls over at least so many rooms
	rooms       []int64 // of the last calls, at most calls
}

// add notes another such call, and says whether the streak is long enough to say something.
func (s *streak) add(room int64) bool {
	if len(s.rooms) == s.calls {
		copy(s.rooms, s.rooms[1:])
		s.rooms = s.rooms[:s.calls-1]
	}
	s.rooms = append(s.rooms, room)
	return len(s.rooms) == s.calls && distinct(s.rooms) >= s.over
}

func (s *streak) end() { s.rooms = s.rooms[:0] }

func distinct(rooms []int64) int {
	seen := make(map[int64]struct{}, len(rooms))
	for _, r := range rooms {
		seen[r] = struct{}{}
	}
	return len(seen)
}

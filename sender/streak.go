package sender

import "slices"

// streak is calls in a row that ended in the same bad way.
type streak struct {
	calls, over int     // long enough: so many calls over at least so many rooms
	count       int     // of the calls since the last that ended otherwise, at most calls
	rooms       []int64 // different ones among all of these, at most over
}

// add notes another such call, and says whether the streak is long enough to say something. All calls of the
// streak count, not the last few: one room with a backlog may have these to itself.
func (s *streak) add(room int64) bool {
	s.count = min(s.count+1, s.calls)
	if len(s.rooms) < s.over && !slices.Contains(s.rooms, room) {
		s.rooms = append(s.rooms, room)
	}
	return s.count == s.calls && len(s.rooms) == s.over
}

func (s *streak) end() { s.count, s.rooms = 0, s.rooms[:0] }

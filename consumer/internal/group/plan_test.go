package group

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// converge plays rebalances as members do them: each keeps what it is given of its own, takes what is
// new, gives up the rest and joins again. It returns how many plans it took and how many partitions moved.
func converge(t *testing.T, members []*candidate, n int) (plans, moved int) {
	t.Helper()
	for plans = 1; plans < 10; plans++ {
		for _, m := range members {
			m.claims, m.gets = nil, nil
		}
		plan(members, n)
		got := map[int32]*candidate{}
		again := false
		for _, m := range members {
			for _, p := range m.gets {
				if other := got[p]; other != nil {
					t.Fatalf("partition %d goes to %s and to %s", p, other.id, m.id)
				}
				got[p] = m
				for _, other := range members {
					if other != m && slices.Contains(other.owned, p) && other.generation >= m.generation {
						t.Fatalf("partition %d goes to %s while %s names it as its own", p, m.id, other.id)
					}
				}
				if !slices.Contains(m.owned, p) {
					moved++
				}
			}
		}
		for _, m := range members {
			for _, p := range m.owned {
				again = again || !slices.Contains(m.gets, p)
			}
			m.owned, m.generation = m.gets, int32(plans)
		}
		if !again {
			break
		}
	}
	least, most, sum := n, 0, 0
	for _, m := range members {
		least, most, sum = min(least, len(m.gets)), max(most, len(m.gets)), sum+len(m.gets)
	}
	if most-least > 1 || sum != n {
		t.Fatalf("%d partitions over %d members: least %d, most %d, sum %d", n, len(members), least, most, sum)
	}
	return plans, moved
}

func TestAPlanIsBalancedAndNeverTakesWhatIsOwned(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := random.IntN(40)
		var members []*candidate
		for i := range 1 + random.IntN(8) {
			m := &candidate{id: fmt.Sprint("m", i), order: fmt.Sprint(i), generation: int32(random.IntN(3)) - 1}
			for range random.IntN(12) {
				m.owned = append(m.owned, int32(random.IntN(45))-2) // some don't exist, some are claimed twice
			}
			members = append(members, m)
		}
		if plans, _ := converge(t, members, n); plans > 3 {
			t.Fatalf("took %d plans", plans)
		}
	}
}

func TestAPlanMovesNoMoreThanANewMemberNeeds(t *testing.T) {
	a := &candidate{id: "a", order: "a", owned: []int32{0, 2, 4, 6, 8, 9}, generation: 3}
	b := &candidate{id: "b", order: "b", owned: []int32{1, 3, 5, 7, 10, 11}, generation: 3}
	c := &candidate{id: "c", order: "c", generation: -1}
	if plans, moved := converge(t, []*candidate{c, b, a}, 12); plans != 2 || moved != 4 {
		t.Fatalf("took %d plans and moved %d partitions", plans, moved)
	}
	if plans, moved := converge(t, []*candidate{a, b}, 12); plans != 1 || moved != 4 {
		t.Fatalf("after a member left: %d plans, %d moved", plans, moved)
	}
}

func TestTheHigherGenerationHasThePartition(t *testing.T) {
	old := &candidate{id: "a", order: "a", owned: []int32{0, 1}, generation: 4}
	owner := &candidate{id: "b", order: "b", owned: []int32{0}, generation: 5}
	plan([]*candidate{old, owner}, 2)
	if !slices.Equal(owner.gets, []int32{0}) || !slices.Equal(old.gets, []int32{1}) {
		t.Fatalf("got %v and %v", owner.gets, old.gets)
	}
}

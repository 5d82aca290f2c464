package consumer

import "testing"

// A worker is dropped from the group while a commit of its partition is under way, and gets the partition
// back at once. The claim of before is over and still there until its commit has ended: nobody reads the
// partition meanwhile.
func TestNotReadyWhileAPartitionThatCameBackIsNotTakenAgain(t *testing.T) {
	c := &Consumer{assigned: []int32{3}}
	c.live.Store(&map[int32]*claim{})
	if c.taken() == nil {
		t.Error("ready without the partition that is assigned")
	}
	before := &claim{partition: 3, phase: over}
	c.live.Store(&map[int32]*claim{3: before})
	if c.taken() == nil {
		t.Error("ready with a claim that is over")
	}
	now := &claim{partition: 3, phase: running, committed: true}
	c.live.Store(&map[int32]*claim{3: now})
	if err := c.taken(); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

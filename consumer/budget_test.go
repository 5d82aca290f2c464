package consumer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func fill(b *budget, s *share, bytes int) (n int) {
	for b.try(s, bytes) {
		n++
	}
	return n
}

func TestAPartitionHoldsAtMostHalfOfWhatTheOthersLeave(t *testing.T) {
	b := newBudget(1000, 1<<20)
	var shares [5]share
	for i, want := range []int{500, 250, 125, 62, 31} {
		if got := fill(b, &shares[i], 100); got != want {
			t.Fatalf("partition %d holds %d, want %d", i, got, want)
		}
	}
	b = newBudget(1000, 1000)
	var s share
	if got := fill(b, &s, 100); got != 5 {
		t.Fatalf("by bytes: holds %d of 100 bytes, want 5", got)
	}
}

func TestOneRecordIsAlwaysAdmitted(t *testing.T) {
	b := newBudget(10, 1000)
	var full, big share
	fill(b, &full, 100)
	if !b.try(&big, 990) || b.try(&big, 1) {
		t.Fatal("a partition that holds nothing must have one record, of any size, and no more")
	}
}

func TestRoomIsGivenToTheLongestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(8, 1<<20)
		var one, two share
		fill(b, &one, 1)
		fill(b, &two, 1)
		order := make(chan string, 2)
		wait := func(s *share, name string) {
			go func() {
				if b.wait(t.Context(), s, 1) == nil {
					order <- name
				}
			}()
			synctest.Wait()
		}
		wait(&one, "first")
		wait(&two, "second")
		if len(order) != 0 {
			t.Fatal("admitted over the bound")
		}
		b.free(&one, 1)
		b.free(&one, 1) // half of what the second leaves is now one more than the first holds
		synctest.Wait()
		if len(order) != 1 || <-order != "first" {
			t.Fatal("room didn't go to the longest waiting")
		}
		b.end(&one)
		synctest.Wait()
		if len(order) != 1 || b.total() != b.of(&two) {
			t.Fatalf("after an end: %d admitted, total %v, of the other %v", len(order), b.total(), b.of(&two))
		}
	})
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(2, 100)
		var s share
		fill(b, &s, 1)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("revoked")
		cancel(why)
		if err := b.wait(ctx, &s, 1); !errors.Is(err, why) || len(b.waiting) != 0 {
			t.Fatalf("ended with %v, %d still waiting", err, len(b.waiting))
		}
	})
}

package group

import (
	"testing"
	"testing/synctest"
	"time"
)

func testLease(wall func() time.Time) *lease {
	return newLease(&Config{Lease: 15 * time.Second, RebalanceTimeout: 60 * time.Second, RequestTimeout: 5 * time.Second, Wall: wall})
}

func TestALeaseCountsFromTheSendingOfTheHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLease(time.Now)
		if l.valid() {
			t.Fatal("valid before any heartbeat")
		}
		sent := l.now()
		time.Sleep(10 * time.Second) // the answer is late
		l.renew(sent, true)
		time.Sleep(5*time.Second - 1)
		if !l.valid() {
			t.Fatal("not valid within 15 s of the sending")
		}
		time.Sleep(time.Nanosecond)
		if l.valid() {
			t.Fatal("valid 15 s after the sending")
		}
	})
}

func TestALateAnswerDoesNotShortenTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLease(time.Now)
		first := l.now()
		time.Sleep(3 * time.Second)
		l.renew(l.now(), true)
		l.renew(first, true)
		time.Sleep(15*time.Second - 1)
		if !l.valid() {
			t.Fatal("an older heartbeat's answer took the newer one's place")
		}
	})
}

func TestALeaseEndsBeforeTheRebalanceTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLease(time.Now)
		l.renew(l.now(), true)
		for range 18 { // 54 s of heartbeats that say "rebalance"
			time.Sleep(3 * time.Second)
			l.renew(l.now(), false)
			if !l.valid() {
				t.Fatal("not valid while the rebalance may still be joined")
			}
		}
		time.Sleep(time.Second)
		l.renew(l.now(), false)
		if l.valid() {
			t.Fatal("valid though the member may be dropped within a request time-out")
		}
	})
}

func TestALeaseSeesTheTimeThatASuspendedMachineMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var suspended time.Duration
		l := testLease(func() time.Time { return time.Now().Add(suspended) })
		l.renew(l.now(), true)
		suspended = 14 * time.Second
		if !l.valid() {
			t.Fatal("not valid after 14 s")
		}
		suspended = 15 * time.Second
		if l.valid() {
			t.Fatal("valid though the wall clock went 15 s ahead")
		}
		suspended = -time.Hour // set back: the monotonic clock counts
		time.Sleep(15 * time.Second)
		if l.valid() {
			t.Fatal("valid because the wall clock was set back")
		}
	})
}

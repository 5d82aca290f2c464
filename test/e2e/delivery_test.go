//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"roomrelay/internal/imsim"
)

// All events of all kinds arrive through real brokers, while the API misbehaves as it does on any day.
func TestEveryEventIsDeliveredOrALetter(t *testing.T) {
	for _, brokers := range []int{1, 3} {
		for _, ordering := range []string{"sender", "room"} {
			t.Run(fmt.Sprintf("%d/%s", brokers, ordering), func(t *testing.T) {
				s := newStand(t, clusterOf(t, brokers), plan{rate: 200, settings: quick().with(settings{"ordering": ordering})})
				s.misbehave(
					t,
					imsim.Rule{Do: imsim.DoCode, Code: 503, Chance: 0.02},
					imsim.Rule{Name: "answered by nobody", Do: imsim.DoReset, Taken: true, Chance: 0.03},
				)
				workers := s.hireAll(t, 2, false)
				s.producer.start()
				wait(t, 8*time.Second)
				s.producer.stop(t)
				s.settle(t, time.Minute)
				for _, w := range workers {
					if code := w.terminate(t, 8*time.Second); code != 0 {
						t.Errorf("%s ended with code %d after SIGTERM", w.name, code)
					}
				}
				r := s.audit(t)
				if r.Published < 1500 || r.DeadLettered < 20 || r.duplicates < 5 {
					t.Errorf("too little happened for this to prove anything: %s", r)
				}
			})
		}
	}
}

package group

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The lease may run out while the coordinator is away. When it is back, sending must not wait for the next heartbeat's
// turn: at a session of 45 s that were three seconds.
func TestAHeartbeatThatFailedIsRepeatedSoon(t *testing.T) {
	for name, fail := range map[string]func(kmsg.Request) (kmsg.Response, error){
		"cut": func(kmsg.Request) (kmsg.Response, error) { return nil, errors.New("cut") },
		"answered by a broker that coordinates nothing": func(req kmsg.Request) (kmsg.Response, error) {
			res := req.ResponseKind().(*kmsg.HeartbeatResponse)
			res.ErrorCode = int16(kafka.NotCoordinatorForGroup)
			return res, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t, kfake.SeedTopics(2, "chat"))
				d := b.member(t)
				time.Sleep(time.Second)
				var away atomic.Bool
				var beats atomic.Int64
				b.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
					b.KeepControl()
					beats.Add(1)
					if !away.Load() {
						return nil, nil, false
					}
					res, err := fail(req)
					return res, err, true
				})
				away.Store(true)
				time.Sleep(22 * time.Second)
				if d.member.Leased() {
					t.Fatal("leased without an answered heartbeat")
				}
				if n := beats.Load(); n > 50 {
					t.Errorf("%d heartbeats in 22 s, though nobody should hammer", n)
				}
				away.Store(false)
				time.Sleep(repeatAfter + 10*time.Millisecond)
				if !d.member.Leased() {
					t.Error("the coordinator is back, and no heartbeat came")
				}
				before := beats.Load()
				time.Sleep(30 * time.Second)
				if n := beats.Load() - before; n != 10 {
					t.Errorf("%d heartbeats in 30 s of peace", n)
				}
			})
		})
	}
}

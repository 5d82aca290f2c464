package relay_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"roomrelay/internal/relay"
	"roomrelay/internal/world"
)

func TestTheSecretIsInNoLogErrorOrDump(t *testing.T) {
	var logged bytes.Buffer
	const secret = "the-secret-of-this-test"
	inWorld(t, world.Config{}, func(w *world.World) {
		w.Publish(world.Chat(1, "ann", 3)...)
		x := w.Start(func(c *relay.Config) {
			c.Sender.AppSecret = secret
			log := zerolog.New(zerolog.SyncWriter(&logged)).Level(zerolog.TraceLevel)
			c.Log, c.Sender.Log, c.Consumer.Log, c.DeadLetter.Log = log, log, log, log
			if text := fmt.Sprintf("%v %+v %#v", *c, c.Sender, c.Sender); strings.Contains(text, secret) {
				t.Error("a dump of the configuration shows the secret")
			}
		})
		time.Sleep(time.Minute)
		err := x.Relay.Ready()
		if err == nil {
			t.Fatal("the test proves nothing: the API takes the secret")
		}
		if text := fmt.Sprintf("%v %+v", err, x.Relay.Stats()); strings.Contains(text, secret) {
			t.Error("shown: " + text)
		}
		if err := x.Stop(); err != nil && strings.Contains(err.Error(), secret) {
			t.Error("shown by an error")
		}
	})
	if logged.Len() == 0 || strings.Contains(logged.String(), secret) {
		t.Errorf("%d bytes of log, with the secret: %v", logged.Len(), strings.Contains(logged.String(), secret))
	}
}

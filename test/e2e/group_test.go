//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"roomrelay/internal/imsim"
)

// javaGroup is a group that Java's tools and workers share, on a topic of one room.
type javaGroup struct {
	*stand
	t    *testing.T
	said []string // msgIds that were published, in order
}

func newJavaGroup(t *testing.T, c *cluster, partitions int32) *javaGroup {
	s := newStand(t, c, plan{partitions: partitions, settings: quick().with(settings{"fresh": "false"})})
	s.sim.misbehave(t, &imsim.Faults{}) // it refuses nothing
	return &javaGroup{stand: s, t: t}
}

// publish appends n messages, each with a key of its own, and gives their msgIds.
func (g *javaGroup) publish(n int) []string {
	g.t.Helper()
	from := len(g.said)
	var input strings.Builder
	for i := range n {
		id := fmt.Sprintf("j-%04d", from+i)
		g.said = append(g.said, id)
		fmt.Fprintf(&input, "%s\t{\"roomid\":%d,\"fromAccid\":\"ann\",\"msgId\":%q,\"msgType\":0,\"attach\":\"hi\"}\n", id, 1+i%7, id)
	}
	g.cluster.tool(g.t, input.String(), "kafka-console-producer.sh --topic "+g.topic+" --reader-property parse.key=true")
	return g.said[from:]
}

// consume lets Java's consumer of the group read until nothing has come for a while. What it gives are the msgIds that
// it saw, sorted.
func (g *javaGroup) consume(patience time.Duration, flags string) func() []string {
	type outcome struct {
		said string
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		said, err := g.cluster.runTool(g.t.Context(), "", fmt.Sprintf(
			"kafka-console-consumer.sh --topic %s --group %s --timeout-ms %d --command-property auto.offset.reset=earliest %s",
			g.topic, g.group, patience.Milliseconds(), flags))
		done <- outcome{said, err}
	}()
	return func() (ids []string) {
		g.t.Helper()
		x := <-done
		if x.err != nil {
			g.t.Fatal(x.err)
		}
		for _, part := range strings.Split(x.said, `"msgId":"`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			ids = append(ids, id)
		}
		if len(ids) == 0 {
			g.t.Logf("Java's consumer said: %s", x.said)
		}
		slices.Sort(ids)
		return ids
	}
}

// shown are the msgIds that were shown since some number of messages were, sorted.
func (g *javaGroup) shown(since int) (ids []string) {
	g.t.Helper()
	for _, m := range g.sim.shown(g.t)[since:] {
		ids = append(ids, m.MsgID)
	}
	slices.Sort(ids)
	return ids
}

func (g *javaGroup) expect(what string, got, want []string) {
	g.t.Helper()
	if !slices.Equal(got, want) {
		g.t.Errorf("%s: %d %q\nwant: %d %q", what, len(got), got, len(want), want)
	}
}

// once holds that nothing was shown twice, and that no letter was written.
func (g *javaGroup) once() {
	g.t.Helper()
	all := g.shown(0)
	if one := slices.Compact(slices.Clone(all)); len(one) != len(all) {
		g.t.Errorf("%d messages were shown %d times", len(one), len(all))
	}
	letters, err := g.cluster.endsOf(g.t.Context(), g.letterTopic())
	if err != nil {
		g.t.Fatal(err)
	}
	for p, end := range letters {
		if end > 0 {
			g.t.Errorf("%d letters in partition %d", end, p)
		}
	}
}

// A group goes from Java's consumer to workers and back, each going on where the other stood; and what an operator sets
// two hours back is sent again, and shown to nobody twice.
func TestAGroupIsHandedOverAndSetBack(t *testing.T) {
	g := newJavaGroup(t, clusterOf(t, 1), 3)
	first := g.publish(30)
	g.expect("Java's consumer saw", g.consume(8*time.Second, "")(), first)

	second := g.publish(30)
	team := newCrew(t, g.stand, 2, false)
	g.settle(t, time.Minute)
	g.expect("after Java's consumer the workers showed", g.shown(0), second)
	team.stopAll(t)

	third := g.publish(30)
	g.expect("after the workers Java's consumer saw", g.consume(8*time.Second, "")(), third)

	g.cluster.tool(t, "", fmt.Sprintf("kafka-consumer-groups.sh --group %s --topic %s --reset-offsets --by-duration PT2H --execute", g.group, g.topic))
	team = newCrew(t, g.stand, 2, false)
	g.settle(t, time.Minute)
	g.expect("set back, the workers showed", g.shown(0), g.said)
	g.once()
	t.Logf("FIGURE a group set two hours back: %d messages sent again, none shown twice", 2*len(second))
	team.stopAll(t)
}

var threeMembers = regexp.MustCompile(`Stable\s+3\b`)

// A member that speaks the protocol of KIP-848 joins workers, who speak the older one: the group changes over, goes on
// with both, and changes back when that member leaves. Then workers join a group that was begun by such a member.
// Dynamic workers or static ones, whose leader may come back without being asked for a plan.
func TestAGroupChangesItsProtocolAndBack(t *testing.T) {
	c := clusterOf(t, 1)
	for name, static := range map[string]bool{"dynamic": false, "static": true} {
		t.Run(name, func(t *testing.T) { changeProtocol(t, c, static) })
	}
}

func changeProtocol(t *testing.T, c *cluster, static bool) {
	g := newJavaGroup(t, c, 4)
	const newer = "--command-property group.protocol=consumer"
	first := g.publish(40)
	g.expect("a group of the newer protocol saw", g.consume(8*time.Second, newer)(), first)

	team := newCrew(t, g.stand, 2, static)
	second := g.publish(40)
	g.settle(t, time.Minute)
	g.expect("after it the workers showed", g.shown(0), second)

	// Java's consumer joins them, and gets its share of what comes meanwhile.
	java := g.consume(12*time.Second, newer)
	poll(t, 20*time.Second, "the group has changed its protocol", func() (bool, string) {
		said := g.cluster.tool(t, "", "kafka-consumer-groups.sh --describe --state --group "+g.group)
		return threeMembers.MatchString(said), said
	})
	third := g.publish(40)
	saw := java()
	g.settle(t, time.Minute)
	g.expect("together they saw", slices.Sorted(slices.Values(append(g.shown(len(second)), saw...))), third)
	if len(saw) == 0 || len(saw) == len(third) {
		t.Errorf("Java's consumer saw %d of %d messages: nobody shared with it", len(saw), len(third))
	}
	t.Logf("FIGURE a group with members of both protocols: Java's consumer saw %d of %d messages, the workers the others", len(saw), len(third))

	fourth := g.publish(40)
	g.settle(t, time.Minute)
	all := g.shown(len(second) + len(third) - len(saw))
	g.expect("alone again the workers showed", all, fourth)
	g.once()
	team.stopAll(t)
}

package chaos

import (
	"fmt"
	"strings"
	"time"

	"roomrelay/internal/imsim"
)

// call is one call of the API, from its arrival on.
type call struct {
	imsim.Call
	worker  string
	entries []*entry // beside Messages; nil for what was never published so
	before  []bool   // of each, whether the API may have had it before
	lanes   []laneOf
	over    bool // it was answered, or cut
	class   class
	trouble bool          // it began while its room was in trouble
	firm    bool          // it had not been held on its way
	waited  time.Duration // at most so long before it arrived it had begun, and waited for its connection
	faint   bool          // its answer may not have been heard in time
	doubted bool          // it was refused while everything was: that is the worker's set-up and no message's
}

// class is what the answer to a call says of it.
type class uint8

const (
	open      class = iota
	listed          // each message has its own verdict
	repeated        // 417: there already
	throttled       // over the quota: not taken
	unsure          // nobody who hears this, or nothing, knows whether it was taken
	refused         // as a whole: not taken
	setUp           // the worker is set up wrongly: not taken
)

// setUpRule is the name of the rules that answer as if the worker were set up wrongly.
const setUpRule = "set-up"

// classOf reads the answer as the API's page and the gateways before it mean it.
func classOf(c *imsim.Call) class {
	switch {
	case c.Fault == setUpRule, c.Code == 414 && c.Fault == "": // of its own accord the API says it of the clock only
		return setUp
	case c.Status == 0:
		return unsure
	case c.Status == 429 || c.Code == 416:
		return throttled
	case c.Status == 408 || c.Status == 425 || c.Status >= 500:
		return unsure
	case c.Status == 413:
		return refused
	case c.Status >= 300:
		return setUp
	}
	switch c.Code {
	case 0, 500, 503, 514, 408, 415, 431:
		return unsure
	case 200:
		return listed
	case 417:
		return repeated
	}
	return refused
}

// sent is the messages of a call, for a person.
func (c *call) sent() string {
	var all []string
	for _, m := range c.Messages {
		s := fmt.Sprintf("%s/%d", m.MsgID, m.Flag)
		if m.Shown {
			s += " shown"
		}
		if c.class == listed {
			s += [...]string{" left out", "", " failed"}[m.Listed]
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// silent says that the call ended without a verdict on the message, or may have for who made it.
func (c *call) silent(e *entry) bool {
	if c.faint {
		return true
	}
	switch c.class {
	case unsure:
		return true
	case listed:
		for i, x := range c.entries {
			if x == e {
				return c.Messages[i].Listed == imsim.InNeither
			}
		}
	}
	return false
}

// answered says that somebody answered the call, whatever it said.
func (c *call) answered() bool { return c.class == listed || c.class == repeated || c.class == refused }

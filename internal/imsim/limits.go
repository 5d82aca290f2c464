package imsim

import (
	"strconv"
	"unicode/utf8"
)

// The limits of the page. Its "characters" are counted as UTF-16 units: of the two readings the one that
// refuses more, so that a worker which keeps it is right under both.

// limit is "" or what is wrong with a value.
type limit func(value []byte) string

// options are the request-level parameters that the page knows; others are ignored.
var options = map[string]limit{
	"ignoreMute":                     boolean,
	"skipHistory":                    between(0, 1),
	"route":                          between(0, 1),
	"abandonRatio":                   between(0, 9999),
	"highPriority":                   boolean,
	"needHighPriorityMsgResend":      boolean,
	"useYidun":                       integer, // 0 means something, every other number nothing
	"yidunAntiCheating":              atMost(1024),
	"yidunAntiSpamExt":               atMost(1024),
	"bid":                            atMost(1 << 20), // no limit is told
	"antispam":                       boolean,
	"notifyTargetTags":               atMost(128),
	"antispamCustom":                 atMost(5000),
	"env":                            atMost(32),
	"chatMsgPriority":                between(0, 3),
	"forbiddenIfHighPriorityMsgFreq": between(0, 1),
}

const (
	maxMessages = 10
	maxText     = 4096 // of attach and of ext
)

func boolean(value []byte) string {
	if s := string(value); s != "true" && s != "false" {
		return "is neither true nor false"
	}
	return ""
}

func integer(value []byte) string {
	if _, err := strconv.ParseInt(string(value), 10, 64); err != nil {
		return "is no number"
	}
	return ""
}

func between(low, high int64) limit {
	return func(value []byte) string {
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return "is no number"
		}
		if n < low || n > high {
			return "is not between " + strconv.FormatInt(low, 10) + " and " + strconv.FormatInt(high, 10)
		}
		return ""
	}
}

func atMost(n int) limit {
	return func(value []byte) string {
		if !utf8.Valid(value) {
			return "is no UTF-8"
		}
		if characters(value) > n {
			return "is longer than " + strconv.Itoa(n)
		}
		return ""
	}
}

// characters is the length in UTF-16 units of valid UTF-8.
func characters(text []byte) (n int) {
	for _, b := range text {
		if b&0xC0 != 0x80 { // not a byte that continues a character
			n++
		}
		if b >= 0xF0 { // a character outside the basic plane has two units
			n++
		}
	}
	return n
}

// knownType says that msgType is one of the page's.
func knownType(n int64) bool {
	switch n {
	case 0, 1, 2, 3, 4, 6, 10, 100:
		return true
	}
	return false
}

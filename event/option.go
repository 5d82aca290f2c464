package event

import (
	"strconv"
	"strings"
)

// option is one request-level parameter of the API's page.
type option struct {
	name        string
	kind        optionKind
	least, most int64 // of an integer; most: UTF-16 units of a text, 0 for no limit
}

type optionKind uint8

const (
	boolean optionKind = iota
	number
	textKind
)

// catalogue is every request-level option, in the order in which they are encoded.
var catalogue = [...]option{
	{name: "ignoreMute", kind: boolean},
	{name: "skipHistory", kind: number, most: 1},
	{name: "route", kind: number, most: 1},
	{name: "abandonRatio", kind: number, most: 9999},
	{name: "highPriority", kind: boolean},
	{name: "needHighPriorityMsgResend", kind: boolean},
	{name: "useYidun", kind: number}, // the page: any value but 0 counts as not specified
	{name: "yidunAntiCheating", kind: textKind, most: 1024},
	{name: "yidunAntiSpamExt", kind: textKind, most: 1024},
	{name: "bid", kind: textKind},
	{name: "antispam", kind: boolean},
	{name: "notifyTargetTags", kind: textKind, most: 128},
	{name: "antispamCustom", kind: textKind, most: 5000},
	{name: "env", kind: textKind, most: 32},
	{name: "chatMsgPriority", kind: number, most: 3},
	{name: "forbiddenIfHighPriorityMsgFreq", kind: number, most: 1},
}

var optionIndex = func() map[string]int {
	m := make(map[string]int, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].name] = i
	}
	return m
}()

// options is the values given, as they go into the form; "" for one that is absent: no value given is
// empty, but for a text, which has a bit of its own.
type options struct {
	given  uint32
	values [len(catalogue)]string
}

func (d *decoding) option(i int, value []byte) error {
	o := &catalogue[i]
	var s string
	switch o.kind {
	case boolean:
		if value[0] != 't' && value[0] != 'f' {
			return invalid(o.name, "is %s, want true or false", kind(value))
		}
		s = share(value)
	case number:
		n, err := integer(o.name, value, o.least, o.most)
		if err != nil {
			return err
		}
		s = strconv.FormatInt(n, 10)
	case textKind:
		if value[0] != '"' {
			return invalid(o.name, "is %s, want a string", kind(value))
		}
		s = d.text(value)
		if o.most > 0 {
			if err := limit(o.name, s, int(o.most)); err != nil {
				return err
			}
		}
	}
	d.options.given |= 1 << i
	d.options.values[i] = s
	return nil
}

// encode gives the options as a part of a form body.
func (o *options) encode() string {
	if o.given == 0 {
		return ""
	}
	var b []byte
	for i := range catalogue {
		if o.given&(1<<i) != 0 {
			b = append(b, '&')
			b = append(b, catalogue[i].name...)
			b = append(b, '=')
			b = appendEscaped(b, o.values[i])
		}
	}
	return strings.TrimPrefix(share(b), "&")
}

package imsim

import (
	"bytes"
	"encoding/json"
	"time"
)

// span is a time in JSON: a text like "1.5s".
type span time.Duration

// MarshalText writes the span as time.Duration does.
func (s span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = span(d)
	return err
}

type bareRule Rule

// ruleJSON is a Rule with its times as texts.
type ruleJSON struct {
	bareRule
	From    span    `json:"from,omitzero"`
	Until   span    `json:"until,omitzero"`
	Delay   span    `json:"delay,omitzero"`
	Latency Latency `json:"latency,omitzero"`
}

// MarshalJSON writes the rule with its times as texts.
func (r Rule) MarshalJSON() ([]byte, error) {
	return json.Marshal(ruleJSON{bareRule(r), span(r.From), span(r.Until), span(r.Delay), r.Latency})
}

// UnmarshalJSON reads a rule; an unknown name is an error, since it would be a fault that isn't there.
func (r *Rule) UnmarshalJSON(data []byte) error {
	var x ruleJSON
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&x); err != nil {
		return err
	}
	*r = Rule(x.bareRule)
	r.From, r.Until, r.Delay, r.Latency = time.Duration(x.From), time.Duration(x.Until), time.Duration(x.Delay), x.Latency
	return nil
}

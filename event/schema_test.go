package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var compiled = sync.OnceValue(func() *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("event", document); err != nil {
		panic(err)
	}
	return c.MustCompile("event")
})

// bySchema is what the schema says of a value.
func bySchema(value []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return err
	}
	return compiled().Validate(v)
}

func TestTheSchemaKnowsEveryFieldAndNoOther(t *testing.T) {
	var schema struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	want := slices.Collect(maps.Keys(optionIndex))
	want = append(want, "roomid", "fromAccid", "msgId", "msgType", "attach", "ext", "subType", "resendFlag")
	got := slices.Collect(maps.Keys(schema.Properties))
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("schema has\n%v, decoder has\n%v", got, want)
	}
}

func TestTheSchemasExamplesAreEvents(t *testing.T) {
	var schema struct{ Examples []json.RawMessage }
	if err := json.Unmarshal(Schema, &schema); err != nil || len(schema.Examples) == 0 {
		t.Fatalf("%d examples, %v", len(schema.Examples), err)
	}
	for _, value := range schema.Examples {
		mustDecode(t, string(value))
		if err := bySchema(value); err != nil {
			t.Error(err)
		}
	}
}

// members is for each field what may stand there and what may not, by the decoder and the schema alike.
var members = func() map[string][]string {
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	any := []string{"null", "true", "false", "-1", "0", "1", "2", "3", "4", "5", "10", "100", "9999", "10000", "1.5", `""`, `"x"`, `"0"`, `"12"`, `"é€😀\u0000\""`, "[]", "[0]", "{}", `{"a" : [1]}`}
	with := func(more ...string) []string { return slices.Concat(any, more) }
	return map[string][]string{
		"roomid":    with(`"-5"`, `"+5"`, `"1e2"`, `"007"`, `" 1"`, `"1_0"`, "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
		"fromAccid": any, "msgId": any, "msgType": any,
		"attach": with(text(4096), text(4097)), "ext": with(text(4096), text(4097)),
		"subType": with("2147483647", "2147483648"), "resendFlag": any,
		"ignoreMute": any, "skipHistory": any, "route": any, "abandonRatio": any, "highPriority": any,
		"needHighPriorityMsgResend": any, "useYidun": any, "bid": any, "antispam": any, "chatMsgPriority": any,
		"forbiddenIfHighPriorityMsgFreq": any, "unknown": any,
		"yidunAntiCheating": with(text(1024), text(1025)), "yidunAntiSpamExt": with(text(1024), text(1025)),
		"notifyTargetTags": with(text(128), text(129)), "antispamCustom": with(text(5000), text(5001)), "env": with(text(32), text(33)),
	}
}()

func agree(t *testing.T, value string) (taken bool) {
	t.Helper()
	_, byDecoder := decode(t, value)
	bySchema := bySchema([]byte(value))
	if (byDecoder == nil) != (bySchema == nil) {
		t.Errorf("%.200s\ndecoder: %v\nschema: %v", value, byDecoder, bySchema)
	}
	return byDecoder == nil
}

func object(fields map[string]string) string {
	var b strings.Builder
	for name, value := range fields {
		fmt.Fprintf(&b, ",%q:%s", name, value)
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

func sound() map[string]string {
	return map[string]string{"roomid": "1", "fromAccid": `"a"`, "msgId": `"m"`, "msgType": "0"}
}

func TestTheSchemaAgreesWithTheDecoderOnEveryMember(t *testing.T) {
	if _, ok := members["unknown"]; !ok || len(members) != len(optionIndex)+9 {
		t.Fatalf("%d fields are tried, want every one and an unknown", len(members))
	}
	for name, values := range members {
		for _, value := range values {
			fields := sound()
			fields[name] = value
			agree(t, object(fields))
		}
	}
	for name := range sound() {
		fields := sound()
		delete(fields, name)
		agree(t, object(fields))
	}
	for _, value := range []string{"", " ", "null", "[]", `"x"`, "1", "{", "{}", "{} {}", `{"a":}`} {
		agree(t, value)
	}
}

func TestTheSchemaAgreesWithTheDecoderOnGeneratedEvents(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := slices.Sorted(maps.Keys(members))
	taken := 0
	const rounds = 5000
	for range rounds {
		fields := sound()
		for range random.IntN(4) {
			name := names[random.IntN(len(names))]
			fields[name] = members[name][random.IntN(len(members[name]))]
		}
		if random.IntN(20) == 0 {
			delete(fields, names[random.IntN(len(names))])
		}
		if agree(t, object(fields)) {
			taken++
		}
	}
	if taken < rounds/5 || taken > rounds*4/5 {
		t.Errorf("%d of %d events were taken: that tries too little of one kind", taken, rounds)
	}
}

// What a schema can't express, and its $comment tells. Each is taken by the schema, and not by the decoder.
// (Text after the object and too deep a nesting never reach a schema: the validator's own reader stops there.)
func TestOnlyTheDecoderRefuses(t *testing.T) {
	for what, value := range map[string]string{
		"a name twice":                  with(`"x":1,"x":2`),
		"a name twice, deeper":          with(`"x":{"y":1,"y":2}`),
		"invalid UTF-8":                 with(`"x":"` + "\xff" + `"`),
		"a lone surrogate":              with(`"x":"\ud800"`),
		"a fraction":                    with(`"subType":1.0`),
		"an exponent":                   with(`"abandonRatio":1e2`),
		"an exponent in an enumeration": with(`"route":1e0`),
		"a fraction in a roomid":        `{"roomid":1.0,"fromAccid":"a","msgId":"m","msgType":0}`,
		"a roomid beyond 64 bits":       `{"roomid":"9223372036854775808","fromAccid":"a","msgId":"m","msgType":0}`,
		"a text in UTF-16 units":        with(`"attach":"` + strings.Repeat("😀", 2049) + `"`),
		"an option in UTF-16 units":     with(`"env":"` + strings.Repeat("😀", 17) + `"`),
		"an object's length":            with(`"attach":{"a":"` + strings.Repeat("x", 4096) + `"}`),
	} {
		if _, err := decode(t, value); err == nil {
			t.Errorf("%s: the decoder took it", what)
		}
		if err := bySchema([]byte(value)); err != nil {
			t.Errorf("%s: the schema refuses it as well: %v", what, err)
		}
	}
}

package sink

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// reason is why messages are refused.
const reason = "hit moderation"

// answer appends the API's answer to a call.
func (c *call) answer(dst []byte, o Outcome, at time.Time) []byte {
	switch o {
	case Busy:
		return append(dst, `{"code":503,"desc":"server busy"}`...)
	case Unreadable:
		return append(dst, `{"code":414,"desc":"parameter error"}`...)
	case Refused:
		dst = append(dst, `{"fail":[`...)
		for i := range c.messages {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '{')
			dst = append(dst, c.messages[i].id...)
			dst = append(dst, `:"`+reason+`"}`...)
		}
		return append(dst, `],"code":200,"success":[]}`...)
	}
	dst = append(dst, `{"fail":[],"code":200,"success":[`...)
	var quoted [64]byte
	sender, _ := jsontext.AppendQuote(quoted[:0], c.sender)
	for i := range c.messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = c.messages[i].success(dst, c.room, sender, at)
	}
	return append(dst, `]}`...)
}

// success appends a message's entry: every number is a string.
func (m *message) success(dst []byte, room int64, sender []byte, at time.Time) []byte {
	dst = append(dst, '{')
	dst = append(dst, m.id...)
	dst = append(dst, `:{"ext":`...)
	dst = orEmpty(dst, m.ext)
	dst = append(dst, `,"fromNick":`...)
	dst = append(dst, sender...)
	dst = append(dst, `,"msgid_client":`...)
	dst = append(dst, m.id...)
	dst = append(dst, `,"fromAccount":`...)
	dst = append(dst, sender...)
	dst = append(dst, `,"fromClientType":"REST","attach":`...)
	dst = orEmpty(dst, m.attach)
	dst = append(dst, `,"time":"`...)
	dst = strconv.AppendInt(dst, at.UnixMilli(), 10)
	dst = append(dst, `","type":"`...)
	dst = append(dst, m.kind...)
	dst = append(dst, `","highPriorityFlag":"0","roomId":"`...)
	dst = strconv.AppendInt(dst, room, 10)
	return append(dst, `"}}`...)
}

func orEmpty(dst, text []byte) []byte {
	if text == nil {
		return append(dst, `""`...)
	}
	return append(dst, text...)
}

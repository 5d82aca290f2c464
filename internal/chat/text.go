package chat

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"
)

// texts makes what people say.
type texts struct{ rng *rand.Rand }

// scripts hold words of several scripts, one list each: what they take in bytes, in UTF-16 units and
// percent-encoded differs widely, and one of them runs from right to left.
var scripts = [][]string{
	strings.Fields("hey all is anyone here yes the stream starts now lol that goal was great see you later who won again no idea what song is this thanks love it + & = % 100% a=b&c=d <b>hi</b> \"quoted\" back\\slash"),
	strings.Fields("大家 晚上 好 主播 今天 唱 什么 歌 哈哈 太 棒 了 我 来 晚 谢谢 礼物 加油 第一"),
	strings.Fields("こんばんは 初見 です かわいい すごい 草 おめでとう ありがとう また 明日"),
	strings.Fields("안녕하세요 오늘 방송 재밌어요 감사합니다 화이팅 노래 좋아요"),
	strings.Fields("مرحبا كيف الحال شكرا جميل جدا أهلا وسهلا"),
	strings.Fields("नमस्ते सबको आज मज़ा आया धन्यवाद बहुत अच्छा"),
	strings.Fields("สวัสดี ทุกคน วันนี้ สนุก มาก ขอบคุณ"),
	strings.Fields("привет всем как дела супер спасибо отлично"),
}

var emojis = strings.Fields("😀 😂 👍 🔥 ❤️ 🎉 👏 🙏 👨‍👩‍👧‍👦 🏳️‍🌈 🇨🇳 👍🏽 🎁 🚀 💯")

var deeds = []string{" joined", " left", " is now known as somebody", " was made an admin 🎉"}

// longest is the API's limit on attach, in UTF-16 units.
const longest = 4096

func (t texts) pick(from []string) string { return from[t.rng.IntN(len(from))] }

func (t texts) emoji() string { return t.pick(emojis) }

func (t texts) deed() string { return t.pick(deeds) }

// name is the account of sender number n.
func (t texts) name(n uint64) string {
	if n%50 == 7 {
		return fmt.Sprintf("用户_%d", n) // accounts needn't be ASCII
	}
	return fmt.Sprintf("user%d", n)
}

// phrase is about n words of one script.
func (t texts) phrase(n int) string {
	script := scripts[0]
	if t.rng.IntN(2) == 0 {
		script = scripts[t.rng.IntN(len(scripts))]
	}
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.pick(script))
	}
	return b.String()
}

// say is a text message: most are a few words, one in a hundred is long, and a few of these are exactly
// as long as the API allows.
func (t texts) say() string {
	switch turn := t.rng.IntN(400); {
	case turn == 0:
		return exactly(t.phrase(2500)+strings.Repeat(t.emoji(), 200), longest)
	case turn < 4:
		return exactly(t.phrase(600), 1000+t.rng.IntN(2000))
	case turn < 40:
		return t.emoji() + t.emoji()
	case turn < 120:
		return t.phrase(1+t.rng.IntN(6)) + " " + t.emoji()
	case turn < 124:
		return "line one\nline two\ttab \u2028 separator \u0000 nul"
	}
	return t.phrase(1 + t.rng.IntN(12))
}

// exactly cuts or fills s to n UTF-16 units, never inside a character.
func exactly(s string, n int) string {
	units := 0
	for i, r := range s {
		k := utf16.RuneLen(r)
		if units+k > n {
			return s[:i] + strings.Repeat(".", n-units)
		}
		units += k
	}
	return s + strings.Repeat(".", n-units)
}

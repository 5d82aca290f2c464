package imsim

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestACallIsCheckedAsTheAPIChecksIt(t *testing.T) {
	fine := chat(1, 0, "a")
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
		desc   string
	}{
		"all is well":             {func(*http.Request) {}, 200, ""},
		"GET":                     {func(r *http.Request) { r.Method = http.MethodGet }, 405, ""},
		"another path":            {func(r *http.Request) { r.URL.Path += "x" }, 404, ""},
		"no AppKey":               {func(r *http.Request) { r.Header.Del("AppKey") }, 200, "bad http header"},
		"another AppKey":          {func(r *http.Request) { r.Header.Set("AppKey", "x") }, 200, "bad http header"},
		"no Nonce":                {func(r *http.Request) { r.Header.Del("Nonce") }, 200, "bad http header"},
		"a long Nonce":            {func(r *http.Request) { r.Header.Set("Nonce", strings.Repeat("n", 129)) }, 200, "bad http header"},
		"no CurTime":              {func(r *http.Request) { r.Header.Del("CurTime") }, 200, "bad http header"},
		"CurTime is a word":       {func(r *http.Request) { r.Header.Set("CurTime", "now") }, 200, "bad http header"},
		"no CheckSum":             {func(r *http.Request) { r.Header.Del("CheckSum") }, 200, "bad http header"},
		"a late clock":            {func(r *http.Request) { sign(r, time.Now().Add(-302*time.Second)) }, 200, "CurTime is expired"},
		"an early clock":          {func(r *http.Request) { sign(r, time.Now().Add(302*time.Second)) }, 200, "CurTime is expired"},
		"a clock within 5 min":    {func(r *http.Request) { sign(r, time.Now().Add(-298*time.Second)) }, 200, ""},
		"a wrong CheckSum":        {func(r *http.Request) { r.Header.Set("Nonce", "other") }, 200, "check checksum error"},
		"an upper-case CheckSum":  {func(r *http.Request) { r.Header.Set("CheckSum", strings.ToUpper(r.Header.Get("CheckSum"))) }, 200, "check checksum error"},
		"JSON as Content-Type":    {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 200, "roomid is empty"},
		"no Content-Type":         {func(r *http.Request) { r.Header.Del("Content-Type") }, 200, "roomid is empty"},
		"Content-Type in capital": {func(r *http.Request) { r.Header.Set("Content-Type", "Application/X-WWW-Form-Urlencoded") }, 200, ""},
		"a body beyond all":       {func(r *http.Request) { r.ContentLength = most + 1 }, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := sim(Config{})
			r := request(fine)
			c.change(r)
			a := do(t, s, r)
			if a.HTTP != c.status {
				t.Fatalf("HTTP %d, want %d", a.HTTP, c.status)
			}
			if c.status != 200 {
				return
			}
			want := 200
			if c.desc != "" {
				want = 414
			}
			if a.Code != want || a.Desc != c.desc {
				t.Errorf("code %d %q, want %d %q", a.Code, a.Desc, want, c.desc)
			}
			if shown := len(ids(s, 1)); (shown == 1) != (want == 200) {
				t.Errorf("%d messages shown", shown)
			}
		})
	}
}

func TestEveryLimitOfThePageIsChecked(t *testing.T) {
	one := []msg{text0("a", 0)}
	with := func(name string, value any) []msg {
		m := text0("a", 0)
		m[name] = value
		return []msg{m}
	}
	without := func(name string) []msg {
		m := text0("a", 0)
		delete(m, name)
		return []msg{m}
	}
	many := func(n int) (list []msg) {
		for _, id := range numbered("m", n) {
			list = append(list, text0(id, 0))
		}
		return list
	}
	for name, c := range map[string]struct{ body, desc string }{
		"ten messages":         {form(1, many(10)), ""},
		"eleven messages":      {form(1, many(11)), "msgList has more than 10 messages"},
		"no messages":          {form(1, []msg{}), "msgList is empty"},
		"no msgList":           {"roomid=1&fromAccid=a", "msgList is empty"},
		"msgList an object":    {form(1, text0("a", 0)), "msgList is no JSONArray"},
		"msgList cut off":      {"roomid=1&fromAccid=a&msgList=[{", "msgList is no JSONArray"},
		"msgList and more":     {"roomid=1&fromAccid=a&msgList=[]]", "msgList is no JSONArray"},
		"an entry a number":    {form(1, []int{1}), "msgList has an entry that is no object"},
		"broken UTF-8":         {"roomid=1&fromAccid=a&msgList=[{\"msgId\":\"%ff\"}]", "msgList is no JSONArray"},
		"a msgId twice":        {form(1, []msg{text0("a", 0), text0("b", 0), text0("a", 1)}), "msgId is in msgList twice"},
		"no roomid":            {"fromAccid=a&msgList=[]", "roomid is empty"},
		"roomid a word":        {"roomid=x&fromAccid=a&msgList=[]", "roomid is no number"},
		"roomid beyond int64":  {"roomid=9223372036854775808&fromAccid=a&msgList=[]", "roomid is no number"},
		"roomid 0":             {form(0, one), "roomid must be above 0"},
		"no fromAccid":         {"roomid=1&msgList=[]", "fromAccid is empty"},
		"fromAccid of 32":      {form(1, one, "fromAccid", strings.Repeat("a", 32)), ""},
		"fromAccid of 33":      {form(1, one, "fromAccid", strings.Repeat("a", 33)), "fromAccid is longer than 32"},
		"a broken encoding":    {"roomid=1&fromAccid=%zz&msgList=[]", "form encoding is broken"},
		"an encoding cut off":  {"roomid=1&fromAccid=a&msgList=%5", "form encoding is broken"},
		"no msgId":             {form(1, without("msgId")), "msgId is empty"},
		"msgId empty":          {form(1, with("msgId", "")), "msgId is empty"},
		"msgId a number":       {form(1, with("msgId", 1)), "msgId is no string"},
		"no msgType":           {form(1, without("msgType")), "msgType is empty"},
		"msgType 5":            {form(1, with("msgType", 5)), "msgType is none of 0 1 2 3 4 6 10 100"},
		"msgType 100":          {form(1, with("msgType", 100)), ""},
		"msgType a string":     {form(1, with("msgType", "0")), "msgType is none of 0 1 2 3 4 6 10 100"},
		"no attach":            {form(1, without("attach")), ""},
		"attach an object":     {form(1, with("attach", msg{})), "attach is no string"},
		"attach of 4096":       {form(1, with("attach", strings.Repeat("好", 4096))), ""},
		"attach of 4097":       {form(1, with("attach", strings.Repeat("a", 4097))), "msgContents size exceeded: attach is longer than 4096"},
		"attach of 4098 units": {form(1, with("attach", strings.Repeat("😀", 2049))), "msgContents size exceeded: attach is longer than 4096"},
		"attach of 4096 units": {form(1, with("attach", strings.Repeat("😀", 2048))), ""},
		"ext of 4097":          {form(1, with("ext", strings.Repeat("\n", 4097))), "ext is longer than 4096"},
		"ext of 4096":          {form(1, with("ext", strings.Repeat("\n", 4096))), ""},
		"subType 0":            {form(1, with("subType", 0)), "subType is no number above 0"},
		"subType 1":            {form(1, with("subType", 1)), ""},
		"resendFlag 2":         {form(1, with("resendFlag", 2)), "resendFlag is neither 0 nor 1"},
		"no resendFlag":        {form(1, without("resendFlag")), ""},
		"unknown names":        {form(1, with("locX", 1.5), "unknown", "x"), ""},

		"ignoreMute true":        {form(1, one, "ignoreMute", "true"), ""},
		"ignoreMute 1":           {form(1, one, "ignoreMute", "1"), "ignoreMute is neither true nor false"},
		"skipHistory 2":          {form(1, one, "skipHistory", "2"), "skipHistory is not between 0 and 1"},
		"route x":                {form(1, one, "route", "x"), "route is no number"},
		"abandonRatio 9999":      {form(1, one, "abandonRatio", "9999"), ""},
		"abandonRatio 10000":     {form(1, one, "abandonRatio", "10000"), "abandonRatio is not between 0 and 9999"},
		"highPriority yes":       {form(1, one, "highPriority", "yes"), "highPriority is neither true nor false"},
		"needHigh... 0":          {form(1, one, "needHighPriorityMsgResend", "0"), "needHighPriorityMsgResend is neither true nor false"},
		"useYidun 7":             {form(1, one, "useYidun", "7"), ""},
		"useYidun false":         {form(1, one, "useYidun", "false"), "useYidun is no number"},
		"yidunAntiCheating 1025": {form(1, one, "yidunAntiCheating", strings.Repeat("a", 1025)), "yidunAntiCheating is longer than 1024"},
		"yidunAntiSpamExt 1025":  {form(1, one, "yidunAntiSpamExt", strings.Repeat("a", 1025)), "yidunAntiSpamExt is longer than 1024"},
		"bid":                    {form(1, one, "bid", "b"), ""},
		"antispam True":          {form(1, one, "antispam", "True"), "antispam is neither true nor false"},
		"notifyTargetTags 129":   {form(1, one, "notifyTargetTags", strings.Repeat("a", 129)), "notifyTargetTags is longer than 128"},
		"antispamCustom 5001":    {form(1, one, "antispamCustom", strings.Repeat("a", 5001)), "antispamCustom is longer than 5000"},
		"env 33":                 {form(1, one, "env", strings.Repeat("a", 33)), "env is longer than 32"},
		"env broken":             {form(1, one, "env", "\xff"), "env is no UTF-8"},
		"chatMsgPriority 4":      {form(1, one, "chatMsgPriority", "4"), "chatMsgPriority is not between 0 and 3"},
		"forbiddenIf... 2":       {form(1, one, "forbiddenIfHighPriorityMsgFreq", "2"), "forbiddenIfHighPriorityMsgFreq is not between 0 and 1"},
	} {
		t.Run(name, func(t *testing.T) {
			a := do(t, sim(Config{}), request(c.body))
			want := 200
			if c.desc != "" {
				want = 414
			}
			if a.Code != want || a.Desc != c.desc {
				t.Errorf("code %d %q, want %d %q", a.Code, a.Desc, want, c.desc)
			}
		})
	}
}

func TestTheAnswerHasThePagesShape(t *testing.T) {
	s := sim(Config{})
	list := []msg{
		{"msgId": "quo\"te", "msgType": 2, "attach": "tab\there 😀 \\u", "ext": "{\"a\":1}", "resendFlag": 0},
		{"msgId": "b", "msgType": 0},
	}
	a := do(t, s, request(form(72, list, "highPriority", "true", "fromAccid", "Ali\"ce")))
	if a.Code != 200 || len(a.Fail) != 0 {
		t.Fatalf("%s", a.Body)
	}
	same(t, "success", a.succeeded(), []string{"quo\"te", "b"})
	want := map[string]string{
		"ext": "{\"a\":1}", "fromNick": "Ali\"ce", "msgid_client": "quo\"te", "fromAccount": "Ali\"ce", "fromClientType": "REST",
		"attach": "tab\there 😀 \\u", "time": a.Success[0]["quo\"te"]["time"], "type": "2", "highPriorityFlag": "1", "roomId": "72",
	}
	got := a.Success[0]["quo\"te"]
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) || len(got["time"]) != 13 {
		t.Errorf("details %v", got)
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", kind)
	}
	var all []Shown
	for m := range s.Messages(72) {
		m.At = time.Time{}
		all = append(all, m)
	}
	if len(all) != 2 || all[0] != (Shown{Room: 72, Sender: "Ali\"ce", MsgID: "quo\"te", Type: 2, Attach: "tab\there 😀 \\u", Ext: "{\"a\":1}"}) {
		t.Errorf("shown %+v", all)
	}
}

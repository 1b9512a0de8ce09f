package sdktest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// Outcome is what came of one hook call.
type Outcome struct {
	Point  sdk.Point
	Action sdk.Action
	// Code, Enhanced and Text are the reply, with the ABI's defaults for a verdict that refuses.
	Code           int
	Enhanced, Text string
	// Answers are what was given by set.
	Answers map[string]string
	// Err is the failure of the plugin; then nothing else counts.
	Err error
	// Before and After are the message before and after the hook.
	Before, After *World
	// Statuses say what became of each recipient at deliver; code 0 is nothing.
	Statuses []Status
	Logs     []LogLine
	Counters map[string]int64

	extra []string // lines that are not of a hook: hooks, needs, kv
}

// Status is what became of one recipient.
type Status struct {
	Code           int
	Enhanced, Text string
}

// LogLine is a line that the plugin logged.
type LogLine struct {
	Level sdk.Level
	Text  string
}

var levels = [...]string{"debug", "info", "warn", "error"}

// check says whether the answer is one that the point knows, as docs/abi.md has it.
func (o *Outcome) check(h *host) error {
	class := 0
	switch o.Action {
	case sdk.ActReject:
		class = 5
	case sdk.ActTempfail:
		class = 4
	}
	switch {
	case !o.Action.AllowedAt(o.Point):
		return fmt.Errorf("verdict %d (%s) is not known at %s", int32(o.Action), o.Action, o.Point)
	case class != 0 && o.Code != 0 && o.Code/100 != class:
		return fmt.Errorf("reply code %d does not fit verdict %s", o.Code, o.Action)
	case (o.Action == sdk.ActRedirect || o.Action == sdk.ActFilter) && o.Answers["action.arg"] == "":
		return fmt.Errorf("verdict %s needs an argument (action.arg)", o.Action)
	case h.open:
		return fmt.Errorf("body_begin without body_end")
	case o.Action == sdk.ActFound:
		return o.checkFound()
	}
	return nil
}

func (o *Outcome) checkFound() error {
	switch o.Point {
	case sdk.PointRewrite:
		if v, ok := o.Answers["rewrite.result"]; !ok || !plausible(v) {
			return fmt.Errorf("verdict found: rewrite.result %q is no address", v)
		}
	case sdk.PointRoute:
		t, ok := o.Answers["route.transport"]
		_, ok2 := o.Answers["route.nexthop"]
		if !ok && !ok2 || strings.ContainsAny(t, " :") {
			return fmt.Errorf("verdict found without a route that can be used")
		}
	case sdk.PointLookup:
		if _, ok := o.Answers["lookup.value"]; !ok {
			return fmt.Errorf("verdict found without lookup.value")
		}
	}
	return nil
}

// defaults fills the reply in.
func (o *Outcome) defaults() {
	def := Outcome{}
	switch o.Action {
	case sdk.ActReject:
		def = Outcome{Code: 550, Enhanced: "5.7.1", Text: "Command rejected"}
	case sdk.ActTempfail:
		def = Outcome{Code: 451, Enhanced: "4.7.1", Text: "Service unavailable - try again later"}
	default:
		o.Code, o.Enhanced, o.Text = 0, "", ""
		return
	}
	if o.Code == 0 {
		o.Code = def.Code
	}
	if o.Enhanced == "" {
		o.Enhanced = def.Enhanced
	}
	if o.Text == "" {
		o.Text = def.Text
	}
}

// Lines says what came of the call in the words of a transcript's demands, without ">".
func (o *Outcome) Lines() []string {
	if o.Err != nil {
		return append([]string{"failure " + show(o.Err.Error())}, o.told()...)
	}
	lines := append([]string{o.verdict()}, o.edits()...)
	for i, s := range o.Statuses {
		if s.Code != 0 {
			lines = append(lines, fmt.Sprintf("status %d %d %s %s", i, s.Code, cmpOr(s.Enhanced, "-"), show(s.Text)))
		}
	}
	if r := o.Answers["deliver.relay"]; r != "" {
		lines = append(lines, "relay "+show(r))
	}
	return append(lines, o.told()...)
}

func (o *Outcome) verdict() string {
	v := o.Action.String()
	switch {
	case o.Code != 0:
		v = fmt.Sprintf("%s %d %s %s", v, o.Code, o.Enhanced, show(o.Text))
	case o.Action == sdk.ActFound:
		v += o.answer()
	case o.Answers["action.arg"] != "" && o.Action >= sdk.ActHold:
		v += " " + show(o.Answers["action.arg"])
	}
	for _, beside := range []string{"filter", "redirect"} {
		if a := o.Answers["action."+beside]; a != "" {
			v += " " + beside + "=" + show(a)
		}
	}
	return v
}

// answer is what was found.
func (o *Outcome) answer() string {
	switch o.Point {
	case sdk.PointRewrite:
		return " " + show(o.Answers["rewrite.result"])
	case sdk.PointLookup:
		return " " + show(o.Answers["lookup.value"])
	}
	s := ""
	for _, half := range []string{"transport", "nexthop"} {
		if v, ok := o.Answers["route."+half]; ok {
			s += " " + half + "=" + show(v)
		}
	}
	return s
}

// told are the log lines and counters, and what is not of a hook.
func (o *Outcome) told() []string {
	var lines []string
	for _, l := range o.Logs {
		lines = append(lines, "log "+levels[l.Level]+" "+show(l.Text))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Counters)) {
		lines = append(lines, fmt.Sprintf("counter %s %d", name, o.Counters[name]))
	}
	return append(lines, o.extra...)
}

// edits are the differences between before and after.
func (o *Outcome) edits() []string {
	b, a := o.Before, o.After
	if b == nil || a == nil {
		return nil
	}
	var lines []string
	if b.Sender != a.Sender {
		lines = append(lines, "sender "+show(cmpOr(a.Sender, "<>")))
	}
	lines = append(lines, diff("rcpt", addresses(b.Rcpts), addresses(a.Rcpts), false)...)
	lines = append(lines, diff("header", fieldTexts(b.Fields), fieldTexts(a.Fields), true)...)
	if !bytes.Equal(b.Body, a.Body) {
		lines = append(lines, "body")
	}
	return lines
}

func cmpOr(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func addresses(list []Rcpt) []string {
	var a []string
	for _, r := range list {
		a = append(a, r.Addr)
	}
	return a
}

func fieldTexts(fields [][]byte) []string {
	var a []string
	for _, f := range fields {
		a = append(a, strings.TrimSuffix(string(f), "\r\n"))
	}
	return a
}

// diff says what was removed from one list and added to make it the other: "-what", "+what", with
// the index in the list that it is of if numbered. Equal begins and ends are not looked at; what
// is between is told apart line by line.
func diff(what string, from, to []string, numbered bool) []string {
	skip := 0
	for skip < len(from) && skip < len(to) && from[skip] == to[skip] {
		skip++
	}
	end := 0
	for end < len(from)-skip && end < len(to)-skip && from[len(from)-1-end] == to[len(to)-1-end] {
		end++
	}
	var lines []string
	say := func(sign string, i int, text string) {
		n := ""
		if numbered {
			n = strconv.Itoa(i) + " "
		}
		lines = append(lines, sign+what+" "+n+show(text))
	}
	i, j := skip, skip
	for i < len(from)-end || j < len(to)-end {
		switch {
		case i < len(from)-end && j < len(to)-end && from[i] == to[j]:
			i, j = i+1, j+1
		case i < len(from)-end && !slices.Contains(to[j:len(to)-end], from[i]):
			say("-", i, from[i])
			i++
		case j < len(to)-end:
			say("+", j, to[j])
			j++
		default:
			say("-", i, from[i])
			i++
		}
	}
	return lines
}

// show writes a text on one line, quoted if it would not be itself otherwise.
func show(s string) string {
	plain := s != "" && s == strings.TrimSpace(s) && !strings.HasSuffix(s, "...")
	if _, err := strconv.Unquote(s); err == nil {
		plain = false
	}
	for i := 0; i < len(s); i++ {
		plain = plain && s[i] >= ' ' && s[i] != 0x7f
	}
	if plain {
		return s
	}
	return strconv.Quote(s)
}

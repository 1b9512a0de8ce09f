package checks

import (
	"strconv"
	"strings"
)

// Action is what a table says of a unit: a word of header_checks(5), in upper case, and its text.
type Action struct{ Word, Text string }

// ParseAction reads the value of a table.
func ParseAction(value string) Action {
	word, text, _ := strings.Cut(strings.TrimSpace(value), " ")
	return Action{strings.ToUpper(word), strings.TrimSpace(text)}
}

// LogWord is the word of Postfix's log for the action, "" when it is not logged.
func (a Action) LogWord() string {
	switch a.Word {
	case "BCC", "DISCARD", "FILTER", "HOLD", "INFO", "PASS", "PREPEND", "REDIRECT", "REJECT", "REPLACE", "STRIP":
		return strings.ToLower(a.Word)
	case "WARN":
		return "warning"
	}
	return ""
}

// needsText reports whether the action means nothing without a text.
func (a Action) needsText() bool {
	switch a.Word {
	case "BCC", "FILTER", "PREPEND", "REDIRECT", "REPLACE":
		return true
	}
	return false
}

// Valid reports whether the action is one of header_checks(5).
func (a Action) Valid() bool {
	switch a.Word {
	case "OK", "DUNNO", "IGNORE":
		return true
	}
	return a.LogWord() != "" && (a.Text != "" || !a.needsText())
}

// AtDelivery reports whether the action is one that can be taken when mail leaves
// (smtp_header_checks in postconf(5)): those about a message as a whole come too late.
func (a Action) AtDelivery() bool {
	switch a.Word {
	case "BCC", "DISCARD", "FILTER", "HOLD", "REDIRECT", "REJECT", "PASS":
		return false
	}
	return a.Valid()
}

// Misfit says in Postfix's words why the action cannot be taken on a unit of class c, "" when it can:
// in a header only a field can stand. The table is the name of a parameter.
func (a Action) Misfit(c Class, table string) string {
	if c == Body || a.Word != "REPLACE" && a.Word != "PREPEND" {
		return ""
	}
	if _, _, ok := Field(a.Text); ok {
		return ""
	}
	return "bad " + a.Word + " header text \"" + a.Text + "\" in " + table + " map -- need \"headername: headervalue\""
}

// Change is what an action makes of a unit. The zero Change leaves it alone.
type Change struct {
	Drop   bool   // it goes
	Before string // a line to put before it
	Put    string // what takes its place, with Drop
}

// Change says what the action makes of its unit.
func (a Action) Change() Change {
	switch a.Word {
	case "IGNORE", "STRIP":
		return Change{Drop: true}
	case "REPLACE":
		return Change{Drop: true, Put: a.Text}
	case "PREPEND":
		return Change{Before: a.Text}
	}
	return Change{}
}

// Apply returns what takes the place of raw, which ends in its line end.
func (ch Change) Apply(raw string) string {
	out := ""
	if ch.Before != "" {
		out = ch.Before + "\r\n"
	}
	switch {
	case !ch.Drop:
		out += raw
	case ch.Put != "":
		out += ch.Put + "\r\n"
	}
	return out
}

// Refusal reads the text of REJECT: maybe an enhanced status code, and words. The code's class decides
// about the reply code, as in Postfix; a reply code in the text is text.
func (a Action) Refusal() (code int, status, text string) {
	code, status, text = 550, "5.7.1", a.Text
	if e, rest, _ := strings.Cut(text, " "); enhanced(e) {
		status, text = e, strings.TrimSpace(rest)
		if e[0] == '4' {
			code = 451
		}
	}
	if text == "" {
		text = "message content rejected"
	}
	return code, status, text
}

// enhanced reports whether s is an enhanced status code of a refusal (RFC 3463 §2).
func enhanced(s string) bool {
	part := strings.Split(s, ".")
	if len(part) != 3 || part[0] != "4" && part[0] != "5" {
		return false
	}
	for _, p := range part[1:] {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 999 || strconv.Itoa(n) != p {
			return false
		}
	}
	return true
}

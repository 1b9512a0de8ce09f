package checks

import (
	"strconv"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// action is what a table says of a line: a word of header_checks(5) and its text.
type action struct{ word, text string }

func parseAction(value string) action {
	word, text, _ := strings.Cut(strings.TrimSpace(value), " ")
	return action{strings.ToUpper(word), strings.TrimSpace(text)}
}

// logWords are the words of Postfix's log for the actions that are logged.
var logWords = map[string]string{
	"BCC": "bcc", "DISCARD": "discard", "FILTER": "filter", "HOLD": "hold", "INFO": "info", "PASS": "pass",
	"PREPEND": "prepend", "REDIRECT": "redirect", "REJECT": "reject", "REPLACE": "replace", "STRIP": "strip", "WARN": "warning",
}

// needsText are the actions that mean nothing without a text.
var needsText = map[string]bool{"BCC": true, "FILTER": true, "PREPEND": true, "REDIRECT": true, "REPLACE": true}

// valid reports whether the action is one of header_checks(5).
func (a action) valid() bool {
	switch a.word {
	case "OK", "DUNNO", "IGNORE":
		return true
	}
	return logWords[a.word] != "" && (a.text != "" || !needsText[a.word])
}

// refusal reads the text of REJECT: maybe a reply code, maybe an enhanced status code, and words.
func refusal(text string) sdk.Verdict {
	v := sdk.Verdict{Action: sdk.ActReject, Code: 550, Enhanced: "5.7.1"}
	given := false
	if code, rest, _ := strings.Cut(text, " "); len(code) == 3 && (code[0] == '4' || code[0] == '5') {
		if n, err := strconv.Atoi(code); err == nil {
			v.Code, text, given = n, strings.TrimSpace(rest), true
			v.Enhanced = code[:1] + ".7.1"
		}
	}
	if e, rest, _ := strings.Cut(text, " "); enhanced(e) && (!given || e[0] == v.Enhanced[0]) {
		v.Enhanced, text = e, strings.TrimSpace(rest)
		if !given && e[0] == '4' {
			v.Code = 450
		}
	}
	if v.Code < 500 {
		v.Action = sdk.ActTempfail
	}
	if v.Text = text; text == "" {
		v.Text = "message content rejected"
	}
	return v
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

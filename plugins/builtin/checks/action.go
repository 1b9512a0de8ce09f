package checks

import (
	"strconv"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// refusal reads the text of REJECT: maybe an enhanced status code, and words. Its class decides about
// the reply code, as in Postfix; a reply code in the text is text.
func refusal(text string) sdk.Verdict {
	v := sdk.Verdict{Action: sdk.ActReject, Code: 550, Enhanced: "5.7.1"}
	if e, rest, _ := strings.Cut(text, " "); enhanced(e) {
		v.Enhanced, text = e, strings.TrimSpace(rest)
		if e[0] == '4' {
			v.Action, v.Code = sdk.ActTempfail, 451
		}
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

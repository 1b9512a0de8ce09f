package milter

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// failTexts are the replies of milter_default_action.
var failTexts = map[string]sdk.Verdict{
	"accept":     sdk.Continue,
	"tempfail":   {Action: sdk.ActTempfail, Code: 451, Enhanced: "4.7.1", Text: "Service unavailable - try again later"},
	"reject":     {Action: sdk.ActReject, Code: 550, Enhanced: "5.5.0", Text: "Service unavailable"},
	"shutdown":   {Action: sdk.ActTempfail, Code: 421, Enhanced: "4.7.0", Text: "Server closing connection"},
	"quarantine": sdk.Hold("milter_default_action"),
}

// fail ends the connection with the milter: from now on the default action holds.
func (s *session) fail(tx sdk.Tx, at string, err error) sdk.Verdict {
	if err != nil {
		tx.Log(sdk.LevelWarn, fmt.Sprintf("milter at %s: %v (milter_default_action = %s)", at, err, s.m.o.action))
	}
	tx.Count("failures", 1)
	if s.w != nil {
		s.w.c.Close()
		s.w = nil
	}
	s.over, s.verdict = true, failTexts[s.m.o.action]
	if s.verdict.Action == sdk.ActHold && at != "eom" {
		return sdk.Continue // the message is held at its end
	}
	return s.verdict
}

// decide turns an answer into a verdict, and notes what is decided for good.
func (s *session) decide(p sdk.Point, ans byte, data []byte, tx sdk.Tx) sdk.Verdict {
	v := sdk.Continue
	switch ans {
	case ansContinue, ansSkip:
		return v
	case ansAccept:
	case ansDiscard:
		v = sdk.Discard
	case ansReject:
		v = sdk.Reject("5.7.1", "Command rejected")
	case ansTempfail:
		v = sdk.Tempfail("4.7.1", "Service unavailable - try again later")
	case ansConnFail:
		v = sdk.Verdict{Action: sdk.ActTempfail, Code: 451, Enhanced: "4.7.1", Text: "Service unavailable - try again later"}
	case ansShutdown:
		s.close()
		s.over, s.verdict = true, failTexts["shutdown"]
		return s.verdict
	case ansReply:
		var err error
		if v, err = parseReply(data); err != nil {
			return s.fail(tx, p.String(), err)
		}
	default:
		return s.fail(tx, p.String(), fmt.Errorf("unexpected answer %q", ans))
	}
	s.note(p, v)
	return v
}

// note keeps how far a decision reaches: at connect and helo the connection, at rcpt a refusal one
// recipient, else the message.
func (s *session) note(p sdk.Point, v sdk.Verdict) {
	refusal := v.Action == sdk.ActReject || v.Action == sdk.ActTempfail
	switch {
	case p == sdk.PointConnect || p == sdk.PointHelo:
		s.close()
		s.over, s.verdict = true, v
	case p == sdk.PointRcpt && refusal && s.smtp:
	default:
		s.done = true
	}
}

// parseReply reads "550 5.7.1 text", with further lines each behind its code; "%%" stands for a
// per cent sign.
func parseReply(data []byte) (sdk.Verdict, error) {
	text, _ := cutText(data)
	if len(text) < 3 {
		return sdk.Verdict{}, fmt.Errorf("reply %q is too short", text)
	}
	code, err := strconv.Atoi(text[:3])
	if err != nil || code < 400 || code > 599 {
		return sdk.Verdict{}, fmt.Errorf("reply %q has no code of a refusal", text)
	}
	v := sdk.Verdict{Action: sdk.ActReject, Code: code}
	if code < 500 {
		v.Action = sdk.ActTempfail
	}
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		line = strings.TrimPrefix(line, text[:3])
		line = strings.TrimSpace(strings.TrimPrefix(line, "-"))
		if e, rest, _ := strings.Cut(line, " "); enhanced(e, text[0]) {
			v.Enhanced, line = e, rest
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	v.Text = strings.ReplaceAll(strings.Join(lines, " "), "%%", "%")
	if len(v.Text) > maxReply {
		v.Text = v.Text[:maxReply]
	}
	return v, nil
}

// maxReply is the most bytes of a reply's text that the host takes.
const maxReply = 900

// enhanced reports whether s is a status code (RFC 3463 §2) of the class.
func enhanced(s string, class byte) bool {
	part := strings.Split(s, ".")
	if len(part) != 3 || part[0] != string(class) {
		return false
	}
	for _, p := range part[1:] {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 999 || strconv.Itoa(n) != p {
			return false
		}
	}
	return true
}

package milter

import (
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/plugins/sdk"
)

// field makes an edit that puts a header field there, unless milter_header_checks want it otherwise.
func (e *edits) field(name, value string, put func(tx sdk.Tx, name, value string) error) {
	e.add(func(tx sdk.Tx) error {
		name, value, keep, err := e.check(tx, name, value)
		if err != nil || !keep {
			return err
		}
		return put(tx, name, value)
	})
}

// check asks the tables about a field and returns it as it is to be; keep is false when it is not
// to be there at all.
func (e *edits) check(tx sdk.Tx, name, value string) (newName, newValue string, keep bool, err error) {
	field := name + ": " + strings.TrimPrefix(strings.ReplaceAll(value, "\r\n", "\n"), " ")
	text, found, err := e.look(field)
	if err != nil {
		return "", "", false, fmt.Errorf("milter_header_checks: %w", err)
	}
	if !found {
		return name, value, true, nil
	}
	a := checks.ParseAction(text)
	if why := e.misfit(a, text); why != "" {
		tx.Log(sdk.LevelWarn, why)
		return name, value, true, nil
	}
	if word := a.LogWord(); word != "" {
		tx.Log(sdk.LevelInfo, "milter-header-"+word+": header "+field[:min(len(field), maxShown)]+": "+a.Text)
	}
	switch a.Word {
	case "IGNORE", "STRIP":
		return "", "", false, nil
	case "REPLACE":
		name, value, _ = checks.Field(a.Text)
		return name, value, true, nil
	}
	return name, value, true, e.decide(tx, a)
}

// maxShown is the most bytes of a field in the log.
const maxShown = 200

// misfit says why an action cannot be taken, "" when it can. postconf(5): PREPEND is not there.
func (e *edits) misfit(a checks.Action, text string) string {
	if !a.Valid() || a.Word == "PREPEND" {
		return "unsupported command in milter_header_checks map: " + text
	}
	return a.Misfit(checks.Header, "milter_header_checks")
}

// decide does what an action asks of the message. A refusal counts before all else, the first one.
func (e *edits) decide(tx sdk.Tx, a checks.Action) error {
	if e.verdict.Action == sdk.ActReject || e.verdict.Action == sdk.ActTempfail {
		return nil
	}
	switch a.Word {
	case "REJECT":
		v := sdk.Verdict{Action: sdk.ActReject}
		if v.Code, v.Enhanced, v.Text = a.Refusal(); v.Code < 500 {
			v.Action = sdk.ActTempfail
		}
		e.verdict = v
	case "DISCARD":
		e.verdict = sdk.Discard
	case "HOLD":
		e.verdict = sdk.Hold("milter_header_checks " + a.Text)
	case "FILTER":
		e.verdict = sdk.Filter(a.Text)
	case "REDIRECT":
		e.verdict = sdk.Redirect(a.Text)
	case "BCC":
		return tx.AddRcpt(a.Text)
	}
	return nil
}

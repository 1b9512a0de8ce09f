package sdktest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// want is one line of what a step must show.
type want struct {
	line int
	kind string // the first word of the outcome's line that it is about
	// text is the line as Outcome.Lines writes it, or its begin.
	text    []byte
	partial bool   // a line that begins so is enough
	how     string // of body: "" (it is text), "contains", "lacks"; of failure: "contains"
}

// kinds are what may be demanded. Of those that are true nothing else may happen than what is demanded.
var kinds = map[string]bool{"verdict": true, "failure": true, "+header": true, "-header": true, "sender": true,
	"+rcpt": true, "-rcpt": true, "body": true, "status": true, "relay": true,
	"log": false, "counter": false, "kv": false, "hooks": false, "needs": false}

// expect takes a line that begins with ">".
func (p *parser) expect(line string) error {
	p.wid = nil
	if len(p.sc.Steps) == 0 {
		return errors.New("a demand before the first step")
	}
	st := &p.sc.Steps[len(p.sc.Steps)-1]
	w, err := parseWant(line)
	if err != nil {
		return err
	}
	w.line = p.n
	st.wants = append(st.wants, w)
	if w.kind == "body" && w.how == "" {
		p.wid = &st.wants[len(st.wants)-1]
	}
	return nil
}

func parseWant(line string) (want, error) {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	w := want{kind: word}
	begin, open := strings.CutSuffix(canonical(strings.TrimSpace(line)), "...")
	w.text, w.partial = []byte(begin), open
	if a, ok := actionByName(word); ok {
		w.kind = "verdict"
		// A reply or an argument that is not said is not compared.
		if words := len(strings.Fields(line)); words == 1 && a != sdk.ActContinue || (a == sdk.ActReject || a == sdk.ActTempfail) && words <= 3 {
			w.partial = true
		}
		return w, nil
	}
	_, known := kinds[word]
	switch {
	case !known || word == "verdict":
		return w, fmt.Errorf("unknown demand %q", word)
	case word == "failure":
		v, err := text(rest)
		w.how, w.text = "contains", []byte(v)
		return w, err
	case word == "body":
		return parseBody(w, rest)
	}
	return w, nil
}

// canonical writes the quoted string at the end of a demand as outcomes are written.
func canonical(line string) string {
	for i := range len(line) {
		if line[i] != '"' || i == 0 || line[i-1] != ' ' {
			continue
		}
		if v, err := strconv.Unquote(line[i:]); err == nil {
			return line[:i] + show(v)
		}
	}
	return line
}

// parseBody takes "body", which lines of text follow, "body contains TEXT" or "body lacks TEXT".
func parseBody(w want, rest string) (want, error) {
	how, what, _ := strings.Cut(rest, " ")
	w.text = nil
	switch how {
	case "":
		return w, nil
	case "contains", "lacks":
		v, err := text(strings.TrimSpace(what))
		w.how, w.text = how, []byte(v)
		return w, err
	}
	return w, errors.New("want: body contains TEXT, body lacks TEXT, or body and lines that begin with |")
}

func actionByName(name string) (sdk.Action, bool) {
	for a := sdk.ActContinue; a.Valid(); a++ {
		if a.String() == name {
			return a, true
		}
	}
	return 0, false
}

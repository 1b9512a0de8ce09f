package sdktest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Report is what came of playing a script.
type Report struct {
	Results []Result
}

// Result is one step and what came of it.
type Result struct {
	Step    Step
	Outcome *Outcome
	// Missing are the demands that were not met; Unwanted is what happened that nothing demands.
	Missing, Unwanted []string
}

// OK reports whether the step showed what it must.
func (r *Result) OK() bool { return len(r.Missing)+len(r.Unwanted) == 0 }

// Err is nil when every demand was met; else it has all differences, one below the other:
//
//	12: rcpt bob@example.com
//	  - tempfail 451 4.7.1 too many
//	  + continue
//
// where "-" is what was demanded and "+" is what happened. name stands before the line numbers;
// it may be empty.
func (r *Report) Err(name string) error {
	var b strings.Builder
	for i := range r.Results {
		if res := &r.Results[i]; !res.OK() {
			res.write(&b, name)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return errors.New(strings.TrimSuffix(b.String(), "\n"))
}

func (r *Result) write(b *strings.Builder, name string) {
	if name != "" {
		name += ":"
	}
	fmt.Fprintf(b, "%s%d: %s\n", name, r.Step.Line, strings.TrimSpace(r.Step.Verb+" "+strings.Join(r.Step.Args, " ")))
	for _, l := range r.Missing {
		fmt.Fprintf(b, "  - %s\n", l)
	}
	for _, l := range r.Unwanted {
		fmt.Fprintf(b, "  + %s\n", l)
	}
}

// String says what came of each step.
func (r *Report) String() string {
	var b strings.Builder
	for _, res := range r.Results {
		fmt.Fprintln(&b, strings.TrimSpace(res.Step.Verb+" "+strings.Join(res.Step.Args, " ")))
		for _, l := range res.lines() {
			fmt.Fprintf(&b, "> %s\n", l)
		}
	}
	return b.String()
}

func (r *Result) lines() []string {
	if isHook(r.Step.Verb) {
		return r.Outcome.Lines()
	}
	return r.Outcome.told()
}

func isHook(verb string) bool {
	switch verb {
	case "load", "reload", "wait", "property", "message":
		return false
	}
	return true
}

// add compares a step's demands with what came of it.
func (r *Report) add(st *Step, o *Outcome, p *player) {
	res := Result{Step: *st, Outcome: o}
	if !st.Observe {
		res.compare(p)
	}
	r.Results = append(r.Results, res)
}

func (r *Result) compare(p *player) {
	lines := r.lines()
	if r.Outcome.Err != nil {
		lines = r.Outcome.Lines()
	}
	used := make([]bool, len(lines))
	said, bodyMissed := map[string]bool{}, false
	for i := range r.Step.wants {
		w := &r.Step.wants[i]
		said[w.kind] = true
		if at, ok := w.met(r.Outcome, lines, used, p); !ok {
			r.Missing = append(r.Missing, w.show())
			bodyMissed = bodyMissed || w.kind == "body"
		} else if at >= 0 {
			used[at] = true
		}
	}
	for i, l := range lines {
		kind := kindOf(l)
		if !used[i] && r.complete(kind, said[kind]) && !(l == "continue" && !said["verdict"]) {
			r.Unwanted = append(r.Unwanted, l)
			if kind == "body" {
				r.Unwanted = append(r.Unwanted, blockLines(r.Outcome.After.Body)...)
			}
		}
	}
	if bodyMissed && r.Outcome.After != nil {
		r.Unwanted = append(append(r.Unwanted, "body"), blockLines(r.Outcome.After.Body)...)
	}
}

// complete reports whether every line of a kind has to be demanded. What a runtime logs of its own
// when a plugin fails need not be.
func (r *Result) complete(kind string, said bool) bool {
	switch kind {
	case "body":
		return !said
	case "log":
		return said && r.Outcome.Err == nil || r.Outcome.Err != nil && !r.fails() // a stack says why
	}
	return kinds[kind]
}

// fails reports whether a failure is demanded.
func (r *Result) fails() bool {
	return slices.ContainsFunc(r.Step.wants, func(w want) bool { return w.kind == "failure" })
}

func kindOf(line string) string {
	word, _, _ := strings.Cut(line, " ")
	if _, ok := actionByName(word); ok {
		return "verdict"
	}
	return word
}

// met finds the line that meets a demand; at is -1 for one that is about no line.
func (w *want) met(o *Outcome, lines []string, used []bool, p *player) (at int, ok bool) {
	switch w.kind {
	case "body":
		if o.After == nil {
			return -1, false
		}
		switch w.how {
		case "contains":
			return -1, bytes.Contains(o.After.Body, w.text)
		case "lacks":
			return -1, !bytes.Contains(o.After.Body, w.text)
		}
		return -1, bytes.Equal(o.After.Body, w.text)
	case "kv":
		return -1, p.holds(string(w.text))
	}
	for i, l := range lines {
		if used[i] || kindOf(l) != w.kind {
			continue
		}
		if w.how == "contains" && strings.Contains(o.Err.Error(), string(w.text)) || w.how == "" && w.matches(l) {
			return i, true
		}
	}
	return -1, false
}

// matches reports whether a line is the demanded one.
func (w *want) matches(line string) bool {
	if !w.partial {
		return line == string(w.text)
	}
	rest, ok := strings.CutPrefix(line, string(w.text))
	return ok && (rest == "" || w.kind != "verdict" || rest[0] == ' ' || bytes.HasSuffix(w.text, []byte(" ")))
}

// holds checks "kv KEY = VALUE" and "kv KEY none".
func (p *player) holds(line string) bool {
	words, err := split(strings.TrimPrefix(line, "kv "))
	if err != nil || len(words) < 2 {
		return false
	}
	v, ok := p.kv.live(words[0], p.now)
	if len(words) == 2 && words[1] == "none" {
		return !ok
	}
	return ok && words[1] == "=" && string(v.bytes) == strings.Join(words[2:], " ")
}

func (w *want) show() string {
	switch {
	case w.kind == "failure":
		return "failure ... " + show(string(w.text))
	case w.kind == "body" && w.how == "":
		return strings.Join(append([]string{"body"}, blockLines(w.text)...), "\n  - ")
	case w.kind == "body":
		return "body " + w.how + " " + show(string(w.text))
	case w.partial:
		return string(w.text) + "..."
	}
	return string(w.text)
}

// blockLines writes a text as a transcript does.
func blockLines(text []byte) []string {
	var lines []string
	for len(text) > 0 {
		n := lineLen(text)
		line := string(text[:n])
		if s, ok := strings.CutSuffix(line, "\r\n"); ok && len(lines) < 200 && show("x"+s+"x") == "x"+s+"x" {
			lines = append(lines, strings.TrimRight("| "+s, " "))
		} else {
			lines = append(lines, fmt.Sprintf(`\ %q`, line[:min(len(line), 500)]))
		}
		if text = text[n:]; len(lines) > 200 {
			return append(lines, fmt.Sprintf("# %d bytes more", len(text)))
		}
	}
	return lines
}

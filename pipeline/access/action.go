package access

import (
	"context"
	"strings"

	"github.com/mtad/mtad/core/status"
)

// result does what the value of a table, or the action of a policy service, says (access(5)).
// name and class are what was looked up: "user@x", "Sender address".
func (t *tableCheck) result(ctx context.Context, e Env, c *Codes, q *Query, value, name, class string) (Decision, *status.Error) {
	word, text, _ := strings.Cut(strings.TrimSpace(value), " ")
	text = strings.TrimSpace(text)
	switch strings.ToUpper(word) {
	case "":
		return Dunno, nil
	case "DUNNO":
		return Dunno, nil
	case "OK":
		q.permitted(word, class, name, t.from())
		return Permit, nil
	case "REJECT":
		return t.refuse(c.AccessMap, "5.7.1", text, name, class)
	case "DEFER":
		return t.refuse(c.AccessMapDefer, "4.7.1", text, name, class)
	case "DEFER_IF_REJECT":
		q.deferIfReject(t.unavailable(c, text, name, class))
		return Dunno, nil
	case "DEFER_IF_PERMIT":
		q.deferIfPermit(t.unavailable(c, text, name, class))
		return Dunno, nil
	}
	if d, done := t.effect(q, strings.ToUpper(word), text, name, class); done {
		return d, nil
	}
	if code, ok := replyCode(word); ok {
		return t.refuse(code, "x.7.1", text, name, class)
	}
	if digits(word) && text == "" { // a time stamp, as authentication by POP writes it
		q.permitted(word, class, name, t.from())
		return Permit, nil
	}
	return t.k.listed(t.list, value).within(ctx, e, c, q)
}

// from is the table, or the policy service, for the log.
func (t *tableCheck) from() string {
	_, spec, _ := strings.Cut(t.rule, " ")
	return spec
}

// refuse answers with a code and the text of the table, which may begin with an enhanced code.
func (t *tableCheck) refuse(code int, enhanced, text, name, class string) (Decision, *status.Error) {
	enhanced = classOf(code) + enhanced[1:]
	if own, rest := splitEnhanced(code, text); own != "" {
		enhanced, text = own, rest
	}
	if text == "" {
		text = "Access denied"
	}
	return Refuse, status.New(code, enhanced, "<%s>: %s rejected: %s", name, class, text).By(t.rule)
}

func (t *tableCheck) unavailable(c *Codes, text, name, class string) *status.Error {
	enhanced := "4.7.1"
	if own, rest := splitEnhanced(c.AccessMapDefer, text); own != "" {
		enhanced, text = own, rest
	}
	if text == "" {
		text = "Service unavailable"
	}
	return status.New(c.AccessMapDefer, enhanced, "<%s>: %s rejected: %s", name, class, text).By(t.rule)
}

// effect does the actions that change the message or are for the log.
func (t *tableCheck) effect(q *Query, word, text, name, class string) (Decision, bool) {
	none := Effects{}
	f := q.Effects
	if f == nil {
		f = &none
	}
	if q.NoEffects != "" && queues(word) {
		_, of, _ := strings.Cut(t.rule, " ")
		q.note("warning", "access table "+of+": with "+q.NoEffects+" specified, action "+word+" is unavailable")
		return Dunno, true
	}
	what := "<" + name + ">: " + class + " triggers " + word + " " + text
	switch word {
	case "WARN", "INFO":
		what = "<" + name + ">: " + class
		if text != "" {
			what += ": " + text
		}
	case "HOLD":
		f.Hold = true
	case "DISCARD":
		f.Discard = true
	case "FILTER":
		if !strings.Contains(text, ":") {
			q.note("warning", t.rule+": FILTER "+text+": needs transport:destination")
			return Dunno, true
		}
		f.Filter = text
	case "REDIRECT":
		if !strings.Contains(text, "@") {
			q.note("warning", t.rule+": REDIRECT "+text+": needs user@domain")
			return Dunno, true
		}
		f.Redirect = text
	case "BCC":
		if !strings.Contains(text, "@") {
			q.note("warning", t.rule+": BCC "+text+": needs user@domain")
			return Dunno, true
		}
		f.BCC = append(f.BCC, text)
	case "PREPEND":
		if !headerLine(text) {
			q.note("warning", t.rule+": PREPEND "+text+": needs a header field")
			return Dunno, true
		}
		f.Prepend = append(f.Prepend, text)
	default:
		return Dunno, false
	}
	q.note(strings.ToLower(word), strings.TrimSpace(what))
	if word == "DISCARD" {
		q.permitted(word, class, name, t.from())
		return Permit, true
	}
	return Dunno, true
}

// queues reports whether an action is about a message in the queue.
func queues(word string) bool {
	switch word {
	case "HOLD", "DISCARD", "FILTER", "REDIRECT", "BCC":
		return true
	}
	return false
}

// headerLine reports whether text is one header field: "Name: value".
func headerLine(text string) bool {
	i := strings.IndexByte(text, ':')
	return i > 0 && strings.IndexFunc(text[:i], func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

// replyCode reads the code of "4NN text" and "5NN text".
func replyCode(word string) (int, bool) {
	if len(word) != 3 || !digits(word) || word[0] != '4' && word[0] != '5' {
		return 0, false
	}
	return int(word[0]-'0')*100 + int(word[1]-'0')*10 + int(word[2]-'0'), true
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// splitEnhanced takes a leading enhanced code off text; its class becomes that of the reply code.
func splitEnhanced(code int, text string) (enhanced, rest string) {
	for _, class := range [...]int{5, 4, 2} {
		if e, rest := status.SplitEnhanced(class*100, text); e != "" {
			return classOf(code) + e[1:], rest
		}
	}
	return "", text
}

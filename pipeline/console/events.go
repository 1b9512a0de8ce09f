package console

import "strings"

// event is a line of the log about one message, in its parts. Only Text is set where the line has not
// the form of Postfix.
type event struct {
	At, Service, Text string
	// Class is "k1" for what went well, "k2" for what was put off, "k3" for what failed, "k0" for the rest:
	// the colours of the rates.
	Class string
}

// eventsOf takes lines of the journal about a message apart: "Nov 23 01:02:03 host name/smtp[1]: ID: text".
func eventsOf(id string, lines []string) []event {
	var all []event
	for _, line := range lines {
		e := event{Text: line}
		if head, text, ok := strings.Cut(line, "]: "+id+": "); ok && head != "" && head[0] != '{' {
			e.Text = text
			e.At, e.Service = stampOf(head)
		}
		e.Class = classOf(e.Text)
		all = append(all, e)
	}
	return all
}

// stampOf splits what stands before a line's text into the time and the service.
func stampOf(head string) (at, service string) {
	before, tag, ok := cutLast(head, " ")
	if !ok {
		return "", head
	}
	if at, _, ok = cutLast(before, " "); !ok { // without the host
		at = before
	}
	name, _, _ := strings.Cut(tag, "[")
	if _, short, ok := strings.Cut(name, "/"); ok {
		name = short
	}
	return at, name
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func classOf(text string) string {
	_, outcome, _ := strings.Cut(text, "status=")
	outcome, _, _ = strings.Cut(outcome, " ")
	outcome = strings.TrimSuffix(outcome, ",")
	switch {
	case outcome == "sent" || outcome == "delivered" || outcome == "deliverable":
		return "k1"
	case outcome == "deferred" || strings.HasPrefix(text, "warning: "):
		return "k2"
	case outcome == "bounced" || outcome == "expired" || outcome == "undeliverable" || strings.HasPrefix(text, "error: ") || strings.HasPrefix(text, "reject: "):
		return "k3"
	}
	return "k0"
}

package bounce

import (
	"strings"
	"unicode/utf8"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// lineWidth is where text is folded (RFC 5322 §2.1.1: lines should have at most 78 characters),
// lineLimit where it is cut if nothing else helps (998 at most, less room for what goes before).
const (
	lineWidth = 76
	lineLimit = 900
)

// words returns the part for people. Postmaster needs no explanation.
func (nt *notice) words() string {
	var b strings.Builder
	if !nt.postmaster {
		greeting := nt.greetings
		if nt.template == nil {
			greeting = nt.greeting()
		}
		b.WriteString(strings.ReplaceAll(greeting, "\n", "\r\n"))
	}
	for i := range nt.reports {
		b.WriteString("\r\n")
		writeFolded(&b, nt.sentence(&nt.reports[i]), "    ")
	}
	return b.String()
}

func (nt *notice) greeting() string {
	s := "This is the mail system at " + nt.hostname + ".\n\n"
	switch nt.kind {
	case failure:
		s += `Your message could not be delivered to the addresses below, and no
further attempt will be made. The reason stands behind each address;
` + nt.original.attached() + ` is attached.

If you cannot tell what to do, ask <postmaster@` + nt.origin + `> and
send this notice along. You may leave out the text of your message.
`
	case delay:
		s += `THIS IS ONLY A WARNING. YOU NEED NOT SEND YOUR MESSAGE AGAIN.

Your message is still waiting to be delivered to the addresses below.
Delivery is tried again until ` + date(nt.expires) + `;
if it fails by then, you will get another notice.
`
	case success:
		s += `This is the report that you asked for: your message has left this system
for the addresses below. Where it says "delivery via", it went on to a
system that may not report to you what becomes of it.
`
	case report:
		s += `This is the report that you asked for: what the first attempt to deliver
your message came to for the addresses below. Where it says "deliverable" or
"undeliverable" it was not delivered: you only asked whether it could be.
`
	}
	return s
}

// sentence says what became of a recipient.
func (nt *notice) sentence(r *queue.Report) string {
	rc := &r.Recipient
	s := "<" + clean(rc.Address) + ">"
	if rc.Original != "" && rc.Original != rc.Address {
		s += " (expanded from <" + clean(rc.Original) + ">)"
	}
	switch q := quoteOf(&r.Result); {
	case nt.kind == report:
		return s + ": " + nt.action(r) + ": " + reason(&r.Result)
	case nt.kind == success && q.mta != "":
		return s + ": delivery via " + oneLine(r.Result.Relay) + ": " + q.reply
	}
	return s + ": " + reason(&r.Result)
}

// clean makes text of a stranger fit for a line of UTF-8.
func clean(s string) string { return status.Clean(strings.ToValidUTF8(s, "?")) }

// writeFolded writes text as one or more lines, with indent before all but the first.
func writeFolded(b *strings.Builder, text, indent string) {
	room := lineWidth
	for text != "" {
		n := foldAt(text, room)
		b.WriteString(strings.TrimRight(text[:n], " "))
		b.WriteString("\r\n")
		if text = strings.TrimLeft(text[n:], " "); text != "" {
			b.WriteString(indent)
		}
		room = lineWidth - len(indent)
	}
}

// foldAt returns where to break text: at the last space before room bytes; else at the first one
// behind; else, never inside a character, at lineLimit.
func foldAt(text string, room int) int {
	if len(text) <= room {
		return len(text)
	}
	if i := strings.LastIndexByte(text[:room], ' '); i > 0 {
		return i
	}
	n := strings.IndexByte(text[room:], ' ')
	if n < 0 {
		n = len(text) - room
	}
	if n += room; n <= lineLimit {
		return n
	}
	for n = lineLimit; !utf8.RuneStart(text[n]); n-- {
	}
	return n
}

package bounce

import (
	"strings"

	"github.com/mtad/mtad/queue"
)

// quote is the reply of another server in a result. The zero quote says that we decided.
type quote struct {
	// mta is the name of the server, reply what it said, beginning with the code.
	mta, reply string
	// inText says that the text of the result is a sentence about it.
	inText bool
}

// quoteOf returns what another server said. An agent that quotes a server writes
// "host NAME[ADDRESS] …: 550 …"; that is all that is left in a record of the queue, so the name may
// have to be taken from there.
func quoteOf(r *queue.Result) quote {
	text := oneLine(r.Reply.Text)
	q := quote{mta: oneLine(r.RemoteMTA)}
	if q.reply, q.inText = quotedReply(text); !q.inText {
		q.reply = oneLine(r.Reply.String())
	} else if q.mta == "" {
		q.mta = hostIn(text)
	}
	if q.mta == "" {
		return quote{}
	}
	return q
}

// hostIn returns the name in "host NAME[…".
func hostIn(text string) string {
	rest, ok := strings.CutPrefix(text, "host ")
	if !ok {
		return ""
	}
	name, _, ok := strings.Cut(rest, "[")
	if !ok || strings.ContainsRune(name, ' ') {
		return ""
	}
	return name
}

// diagnostic is the value of Diagnostic-Code (RFC 3464 §2.3.6): what the other server said, or
// what we say ourselves.
func diagnostic(r *queue.Result) string {
	q, text := quoteOf(r), oneLine(r.Reply.Text)
	switch {
	case q.mta != "":
		return "smtp; " + q.reply
	case text != "":
		return "X-mtad; " + text
	}
	return ""
}

// reason is what the text for people says of a result.
func reason(r *queue.Result) string {
	q, text := quoteOf(r), oneLine(r.Reply.Text)
	switch {
	case q.mta != "" && !q.inText:
		return "host " + hostOf(r.Relay, q.mta) + " said: " + q.reply
	case text == "":
		return r.Reply.DSN()
	}
	return text
}

// hostOf returns relay ("host[address]:port") without the port, or mta when it is none.
func hostOf(relay, mta string) string {
	if i := strings.LastIndexByte(relay, ']'); i >= 0 {
		return oneLine(relay[:i+1])
	}
	return mta
}

// quotedReply finds the reply of a server, beginning with its code, in a text that quotes it.
func quotedReply(text string) (reply string, ok bool) {
	for rest := text; ; {
		_, after, found := strings.Cut(rest, ": ")
		if !found {
			return "", false
		}
		if startsWithCode(after) {
			if i := strings.LastIndex(after, " (in reply to "); i > 0 {
				after = after[:i]
			}
			return after, true
		}
		rest = after
	}
}

// startsWithCode tells whether s begins with the three digits of a reply (RFC 5321 §4.2).
func startsWithCode(s string) bool {
	if len(s) < 3 || s[0] < '2' || s[0] > '5' || s[1] < '0' || s[1] > '9' || s[2] < '0' || s[2] > '9' {
		return false
	}
	return len(s) == 3 || s[3] == ' ' || s[3] == '-'
}

package bounce

import (
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// report returns the part for programs (RFC 3464 §2): fields of the message, then for each
// recipient an empty line and its fields.
func (nt *notice) report() string {
	var b strings.Builder
	f := fields{b: &b, utf8: nt.global}
	f.add("Reporting-MTA", "dns; "+nt.hostname)
	if nt.e.EnvID != "" {
		f.add("Original-Envelope-Id", unxtext(nt.e.EnvID))
	}
	f.add("X-mtad-Queue-ID", nt.e.ID)
	if nt.e.Sender != "" {
		f.add("X-mtad-Sender", f.address(nt.e.Sender))
	}
	f.add("Arrival-Date", date(nt.e.Arrived))
	for i := range nt.reports {
		b.WriteString("\r\n")
		nt.recipient(f, &nt.reports[i])
	}
	return b.String()
}

// recipient writes the fields of one recipient (RFC 3464 §2.3).
func (nt *notice) recipient(f fields, r *queue.Report) {
	f.add("Final-Recipient", f.address(r.Recipient.Address))
	// RFC 3461 §5.2.1 lets a relay supply an ORCPT that is missing, and that is what Postfix does: tools
	// that read notices rely on the address that they know.
	switch rc := &r.Recipient; {
	case rc.ORcpt != "":
		f.add("Original-Recipient", f.orcpt(rc.ORcpt))
	case rc.Original != "":
		f.add("Original-Recipient", strings.Replace(f.address(rc.Original), "; ", ";", 1))
	}
	f.add("Action", nt.action(r))
	f.add("Status", statusCode(nt.kind, &r.Result))
	if mta := quoteOf(&r.Result).mta; mta != "" {
		f.add("Remote-MTA", "dns; "+mta)
	}
	if d := diagnostic(&r.Result); d != "" {
		f.add("Diagnostic-Code", d)
	}
	if !r.At.IsZero() {
		f.add("Last-Attempt-Date", date(r.At))
	}
	if nt.kind == delay && !nt.expires.IsZero() {
		f.add("Will-Retry-Until", date(nt.expires))
	}
}

// action is the value of Action (RFC 3464 §2.3.3). A message that a server without DSN took is
// relayed, unless the server is taken for the last one; so is one that a program took which passes mail
// on. One that an agent of ours put away is delivered.
func (nt *notice) action(r *queue.Report) string {
	done := r.Result.Outcome == queue.Sent || r.Result.Outcome == queue.Expanded
	switch {
	case nt.kind == report && nt.e.Trace == mail.TraceVerify && done: // Postfix's words: RFC 3464 has none
		return "deliverable"
	case nt.kind == report && nt.e.Trace == mail.TraceVerify:
		return "undeliverable"
	case nt.kind == failure, nt.kind == report && r.Result.Outcome == queue.Bounced:
		return "failed"
	case nt.kind == delay, nt.kind == report && !done:
		return "delayed"
	case r.Result.Outcome == queue.Expanded:
		return "expanded"
	case r.Result.RemoteMTA != "" && !r.Result.Final || r.Result.Onward:
		return "relayed"
	}
	return "delivered"
}

// statusCode is the value of Status. A temporary failure that lasted too long keeps its code
// (RFC 3463 §2); a reply that cannot belong to the kind gives way to the kind's own.
func statusCode(k kind, r *queue.Result) string {
	code := r.Reply.DSN()
	for _, class := range [...][]int{failure: {5, 4}, delay: {4}, success: {2}, report: {2, 4, 5}}[k] {
		if status.ValidEnhanced(code, class) {
			return code
		}
	}
	return [...]string{failure: "5.0.0", delay: "4.0.0", success: "2.0.0", report: "2.0.0"}[k]
}

func oneLine(s string) string { return clean(strings.ReplaceAll(s, "\n", " ")) }

// fields writes the fields of a report. Without utf8 they are ASCII.
type fields struct {
	b    *strings.Builder
	utf8 bool
}

// add writes one field, folded, unless its value is empty. Nothing in value can end it.
func (f fields) add(name, value string) {
	if value = strings.TrimSpace(clean(value)); value == "" {
		return
	}
	if !f.utf8 {
		value = ascii(value)
	}
	writeFolded(f.b, name+": "+value, " ")
}

// address returns an address with its type (RFC 3464 §2.1.2, RFC 6533 §3).
func (f fields) address(a string) string {
	switch {
	case addr.IsASCII(a):
		return "rfc822; " + a
	case f.utf8:
		return "utf-8; " + a
	}
	return "utf-8; " + embed(a, true)
}

// orcpt returns the address of an ORCPT parameter. xtext is undone (RFC 3461 §4.2); the escapes of
// the utf-8 type belong to the type and stay (RFC 6533 §3).
func (f fields) orcpt(p string) string {
	kind, value, ok := strings.Cut(p, ";")
	switch {
	case !ok:
		return f.address(unxtext(p))
	case !strings.EqualFold(kind, "utf-8"):
		return kind + ";" + unxtext(value)
	case f.utf8:
		return kind + ";" + unembed(value)
	}
	return kind + ";" + embed(value, false)
}

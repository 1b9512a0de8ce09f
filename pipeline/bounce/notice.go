package bounce

import (
	"strings"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/pipeline/bounce/template"
	"github.com/mtad/mtad/queue"
)

// kind is what a notice tells.
type kind uint8

const (
	failure kind = iota
	delay
	success
	report // what the sender asked for: of every recipient, whatever became of it
)

// logName is the word of Postfix's log line.
func (k kind) logName() string {
	return [...]string{"non-delivery notification", "delay notification", "delivery status notification", "delivery status notification"}[k]
}

// subject is Postfix's: filters and people know it.
func (k kind) subject(postmaster bool) string {
	if postmaster {
		return [...]string{"Postmaster Copy: Undelivered Mail", "Postmaster Warning: Delayed Mail", "", ""}[k]
	}
	return [...]string{"Undelivered Mail Returned to Sender", "Delayed Mail (still being retried)",
		"Successful Mail Delivery Report", "Mail Delivery Status Report"}[k]
}

// state is what the kind calls the message that it returns.
func (k kind) state() string { return [...]string{"Undelivered ", "Undelivered ", "", ""}[k] }

// notice is one notice in the making.
type notice struct {
	kind       kind
	postmaster bool
	from, to   string // of the envelope
	e          *queue.Entry
	reports    []queue.Report
	expires    time.Time // of a delay
	full       bool      // the whole message is wanted, not only the header
	original   original
	global     bool // the forms of RFC 6533

	// template is the administrator's text, nil for the usual one; greetings is it with its macros
	// replaced.
	template  *template.Template
	greetings string

	hostname, origin, boundary string
	now                        time.Time
}

// needsUTF8 tells whether the message is reported in the forms of RFC 6533: it was sent with
// SMTPUTF8, and something in it needs that.
func (nt *notice) needsUTF8(o original) bool {
	if !nt.e.SMTPUTF8 {
		return false
	}
	need := o.header8 || !addr.IsASCII(nt.e.Sender)
	for _, r := range nt.reports {
		need = need || !addr.IsASCII(r.Recipient.Address+r.Recipient.Original+r.Recipient.ORcpt)
	}
	return need
}

// compose returns the notice's text before and behind what is returned of the message, and
// whether any of it has 8-bit bytes.
func (nt *notice) compose() (head, tail string, eightBit bool) {
	words, report := nt.words(), nt.report()
	words8, report8 := !addr.IsASCII(words), !addr.IsASCII(report)
	nt.original.eightBit = nt.original.eightBit || !addr.IsASCII(nt.returnPath())
	eightBit = words8 || report8 || nt.original.eightBit

	var b strings.Builder
	b.Grow(len(words) + len(report) + 2048)
	nt.writeHeader(&b, eightBit)
	b.WriteString("This is a delivery report in MIME format (RFC 6522).\r\n\r\n")
	b.WriteString("--" + nt.boundary + "\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=")
	if words8 {
		b.WriteString("utf-8\r\n")
	} else {
		b.WriteString("us-ascii\r\n")
	}
	b.WriteString(encoding(words8) + "\r\n" + words)
	b.WriteString("\r\n--" + nt.boundary + "\r\nContent-Description: Delivery report\r\nContent-Type: message/")
	b.WriteString(nt.reportType() + "\r\n" + encoding(report8) + "\r\n" + report)
	b.WriteString("\r\n--" + nt.boundary + "\r\n" + nt.original.partHead(nt.kind, nt.global))
	writeFolded(&b, "Return-Path: <"+nt.returnPath()+">", " ")
	return b.String(), "\r\n--" + nt.boundary + "--\r\n", eightBit
}

// returnPath is the sender as the field shows it that stands before what is returned of the message.
func (nt *notice) returnPath() string {
	if nt.global {
		return clean(nt.e.Sender)
	}
	return ascii(clean(nt.e.Sender))
}

func (nt *notice) reportType() string {
	if nt.global {
		return "global-delivery-status"
	}
	return "delivery-status"
}

// writeHeader writes the header. Auto-Submitted (RFC 3834 §5) keeps programs from answering.
func (nt *notice) writeHeader(b *strings.Builder, eightBit bool) {
	auto := "auto-replied"
	if nt.postmaster {
		auto = "auto-generated"
	}
	for _, f := range [...][2]string{
		{"Date", date(nt.now)},
		{"From", nt.fromField()},
		{"Subject", nt.subject()},
		{"To", clean(nt.to)},
		{"References", nt.original.messageID},
		{"In-Reply-To", nt.original.messageID},
		{"Auto-Submitted", auto},
		{"MIME-Version", "1.0"},
		{"Content-Type", "multipart/report; report-type=" + nt.reportType() + ";\r\n\tboundary=\"" + nt.boundary + "\""},
	} {
		if f[1] != "" {
			b.WriteString(f[0] + ": " + f[1] + "\r\n")
		}
	}
	b.WriteString(encoding(eightBit) + "\r\n")
}

// date is a date-time of RFC 5322 §3.3.
func date(t time.Time) string { return t.Format("Mon, 2 Jan 2006 15:04:05 -0700") }

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// The types of Postfix's records, as postcat -d numbers them.
const (
	recAttribute = 'A'
	recSize      = 'C'
	recDone      = 'D'
	recEnd       = 'E'
	recFilter    = 'L'
	recVERP      = 'V'
	recContents  = 'M'
	recText      = 'N'
	recOriginal  = 'O'
	recRecipient = 'R'
	recSender    = 'S'
	recTime      = 'T'
	recExtracted = 'X'
)

// catWriter writes a message as postcat does.
type catWriter struct {
	out  *bufio.Writer
	show sections
	path string
	env  *mail.Envelope
}

// line writes one record.
func (w *catWriter) line(kind byte, format string, args ...any) {
	if w.show.types {
		fmt.Fprintf(w.out, "%3d ", kind)
	}
	fmt.Fprintf(w.out, format+"\n", args...)
}

func (w *catWriter) attribute(name, value string) {
	if value != "" {
		w.line(recAttribute, "named_attribute: %s=%s", name, value)
	}
}

func (w *catWriter) marker(kind byte, text string) { w.line(kind, "*** %s %s ***", text, w.path) }

// envelope writes the records of envelope and record, if they are wanted.
func (w *catWriter) envelope(e *queue.Entry, r *queue.Record) {
	w.env = &e.Envelope
	if !w.show.envelope {
		return
	}
	fmt.Fprintf(w.out, "*** ENVELOPE RECORDS %s ***\n", w.path)
	if e.ID != "" { // maildrop has no size record, as in Postfix
		w.line(recSize, "message_size: %15d %15d %15d %15d %15d %15d", e.Size, 0, len(e.Recipients), 0, e.Size, number(e.SMTPUTF8))
	}
	at := e.Arrived.Local().Format(time.ANSIC)
	w.line(recTime, "message_arrival_time: %s", at)
	w.line(recAttribute, "create_time: %s", at)
	w.attribute("log_ident", e.ID)
	w.attribute("rewrite_context", rewriteContext(&e.Origin, e.ID != ""))
	w.attribute("envelope_id", xtext(e.EnvID))
	w.attribute("ret_flags", retFlags(e.Ret))
	if e.VERP != "" {
		w.line(recVERP, "verp_delimiters: %s", e.VERP)
	}
	w.line(recSender, "sender: %s", e.Sender)
	w.attribute("trace_flags", traceFlags(e.Trace))
	w.attribute("encoding", encoding(e.Body))
	w.origin(&e.Origin)
	if e.Filter != "" {
		w.line(recFilter, "content_filter: %s", e.Filter)
	}
	if w.show.verbose {
		w.progress(r)
	}
	for i := range e.Recipients {
		if !e.Recipients[i].Expanded {
			w.recipient(&e.Recipients[i], r, i)
		}
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func rewriteContext(o *mail.Origin, queued bool) string {
	switch {
	case !queued:
		return ""
	case o.Local:
		return "local"
	}
	return "remote"
}

// retFlags, traceFlags and notifyFlags are the bits of Postfix's attributes.
func retFlags(r mail.Ret) string {
	switch r {
	case mail.RetFull:
		return "1"
	case mail.RetHeaders:
		return "2"
	}
	return ""
}

func traceFlags(t mail.Trace) string {
	switch t {
	case mail.TraceVerify:
		return "512"
	case mail.TraceRecord:
		return "1024"
	}
	return ""
}

func notifyFlags(n mail.Notify) string {
	if n == mail.NotifyDefault {
		return ""
	}
	flags := 0
	for i, bit := range []mail.Notify{mail.NotifyNever, mail.NotifySuccess, mail.NotifyFailure, mail.NotifyDelay} {
		if n&bit != 0 {
			flags |= 1 << i
		}
	}
	return strconv.Itoa(flags)
}

func encoding(b mail.BodyType) string {
	switch b {
	case mail.Body7Bit:
		return "7bit"
	case mail.Body8BitMIME:
		return "8bit"
	case mail.BodyBinaryMIME:
		return "binary"
	}
	return ""
}

// xtext decodes (RFC 3461 §4).
func xtext(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(v))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// origin writes where the message came from.
func (w *catWriter) origin(o *mail.Origin) {
	if o.Client.IsValid() {
		addr, port := o.Client.Addr().Unmap(), strconv.Itoa(int(o.Client.Port()))
		w.attribute("log_client_name", o.ClientName)
		w.attribute("log_client_address", addr.String())
		w.attribute("log_client_port", port)
		w.attribute("log_message_origin", o.ClientName+"["+addr.String()+"]")
		w.attribute("log_helo_name", o.Helo)
		w.attribute("log_protocol_name", o.Proto)
		w.attribute("client_name", o.ClientName)
		w.attribute("reverse_client_name", o.ReverseName)
		w.attribute("client_address", addr.String())
		w.attribute("client_port", port)
		w.attribute("helo_name", o.Helo)
		w.attribute("protocol_name", o.Proto)
		w.attribute("client_address_type", addressType(addr))
	}
	w.attribute("sasl_method", o.SASLMethod)
	w.attribute("sasl_username", o.SASLUser)
}

// addressType is the number of Postfix's attribute: the address family of Linux.
func addressType(a netip.Addr) string {
	if a.Is4() {
		return "2"
	}
	return "10"
}

// progress writes what Postfix keeps elsewhere.
func (w *catWriter) progress(r *queue.Record) {
	w.attribute("hold_reason", r.Reason)
	if r.Attempts > 0 {
		w.attribute("attempts", strconv.Itoa(r.Attempts))
	}
	if r.State == queue.Deferred {
		w.attribute("next_attempt", r.Due.Local().Format(time.ANSIC))
	}
}

func (w *catWriter) recipient(to *mail.Recipient, r *queue.Record, i int) {
	w.attribute("notify_flags", notifyFlags(to.Notify))
	w.attribute("dsn_orig_rcpt", orcpt(to))
	w.line(recOriginal, "original_recipient: %s", to.Original)
	var p queue.Progress
	if i < len(r.Recipients) {
		p = r.Recipients[i]
	}
	if p.Outcome.Done() {
		w.line(recDone, "done_recipient: %s", to.Address)
	} else {
		w.line(recRecipient, "recipient: %s", to.Address)
	}
	if w.show.verbose && p.Reply.Code != 0 {
		w.attribute("last_reply", fmt.Sprintf("%s (%s, %s)", p.Reply.String(), p.Relay, p.At.Local().Format(time.ANSIC)))
	}
}

func orcpt(to *mail.Recipient) string {
	if to.ORcpt != "" {
		return to.ORcpt
	}
	return "rfc822;" + to.Original
}

// text writes header and body, as far as they are wanted, and the end.
func (w *catWriter) text(r io.Reader) error {
	if w.show.envelope {
		w.marker(recContents, "MESSAGE CONTENTS")
	}
	if w.show.header || w.show.body {
		if err := w.lines(bufio.NewReaderSize(r, 64<<10)); err != nil {
			return err
		}
	}
	if w.show.envelope {
		w.marker(recExtracted, "HEADER EXTRACTED")
		w.attribute("encoding", encoding(w.env.Body))
		w.marker(recEnd, "MESSAGE FILE END")
	}
	return nil
}

// lines writes the lines of the text with LF at their ends.
func (w *catWriter) lines(in *bufio.Reader) error {
	inHeader, begin := true, true
	for {
		part, err := in.ReadSlice('\n')
		if begin && inHeader && len(part) > 0 {
			inHeader = isHeaderLine(part)
		}
		whole := err == nil
		if inHeader && w.show.header || !inHeader && w.show.body {
			w.part(part, begin, whole)
		} else if !inHeader && !w.show.body {
			return nil // what is left is body
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
		begin = whole
	}
}

// part writes a line, or a part of one that is longer than the buffer.
func (w *catWriter) part(part []byte, begin, end bool) {
	if len(part) == 0 {
		return
	}
	if begin && w.show.types {
		fmt.Fprintf(w.out, "%3d ", recText)
	}
	if end {
		part = bytes.TrimSuffix(bytes.TrimSuffix(part, []byte("\n")), []byte("\r"))
		w.out.Write(part)
		w.out.WriteByte('\n')
		return
	}
	w.out.Write(part)
}

// isHeaderLine accepts a field and the continuation of one (RFC 5322 §2.2).
func isHeaderLine(line []byte) bool {
	if line[0] == ' ' || line[0] == '\t' {
		return true
	}
	name, _, ok := bytes.Cut(line, []byte(":"))
	return ok && mail.ValidName(string(bytes.TrimRight(name, " \t")))
}

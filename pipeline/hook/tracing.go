package hook

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/textdiff"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/plugins/sdk"
)

// Bounds of what a trace shows: bytes of a header or body that are compared, bytes of one
// difference, steps of a connection before its first message.
const (
	traceText   = 256 << 10
	traceDiff   = 64 << 10
	maxPreamble = 32
)

// trace writes a step down, before its edits are applied or dropped.
func (m *Message) trace(begun time.Time, took time.Duration, a sdk.Action, err error) {
	h := &m.host
	s := trace.Step{At: begun, Hook: h.pt.String(), Plugin: h.p.name, Took: took, Verdict: a.String(), Argument: h.arg,
		About: m.subject(h.pt), Shadow: h.p.Shadow, Log: h.lines}
	if class := classOf(a); class != 0 {
		s.Reply = refusal(a, h.reply).Reply.String()
	}
	if answer := h.given.String(); answer != "" {
		s.Argument = strings.TrimSpace(s.Argument + " " + answer)
	}
	if err != nil {
		s.Verdict, s.Failure = "failure", status.Clean(err.Error())
	} else {
		s.Diff = h.changes()
	}
	m.step(s)
}

// traceFailure writes down a call that was not made.
func (m *Message) traceFailure(p *plugin, pt sdk.Point, err error) {
	if m.sess.set.o.Trace.On() {
		m.step(trace.Step{At: m.sess.set.o.Clock(), Hook: pt.String(), Plugin: p.name, Verdict: "failure", Failure: err.Error(),
			About: m.subject(pt), Shadow: p.Shadow})
	}
}

// step keeps a step with the message, or with the connection until it has one.
func (m *Message) step(s trace.Step) {
	ss := m.sess
	if m == &ss.msg {
		if len(ss.steps) < maxPreamble {
			ss.steps = append(ss.steps, s)
		}
		return
	}
	if m.record == nil {
		m.record = &trace.Record{Origin: string(ss.origin.Kind), Begun: ss.set.o.Clock(), Steps: slices.Clone(ss.steps)}
		if ss.origin.Client.IsValid() {
			m.record.Client = maillog.ClientName(ss.origin)
		}
	}
	m.record = ss.set.o.Trace.Add(m.record, m.traced(), s)
}

// traceAlone keeps the steps of a connection that had no message.
func (ss *Session) traceAlone() {
	if n := len(ss.steps); n > 0 && !ss.begun {
		rec := &trace.Record{Origin: string(ss.origin.Kind), Client: maillog.ClientName(ss.origin), Begun: ss.steps[0].At, Steps: ss.steps[:n-1]}
		ss.set.o.Trace.Add(rec, trace.About{}, ss.steps[n-1])
	}
}

// traced is what is known of the message.
func (m *Message) traced() trace.About {
	about := trace.About{ID: m.env.ID, Sender: m.env.Sender}
	for i := range m.env.Recipients {
		about.Recipients = append(about.Recipients, m.env.Recipients[i].Address)
	}
	if m.rcpt != nil {
		about.Recipients = append(about.Recipients, m.rcpt.Address)
	}
	return about
}

// Named tells that the envelope has its queue id.
func (m *Message) Named() {
	if m.record != nil {
		m.sess.set.o.Trace.Named(m.record, m.traced())
	}
}

// Ended tells what became of the message at the door.
func (m *Message) Ended(outcome string) {
	if m.record != nil {
		m.sess.set.o.Trace.End(m.record, outcome)
	}
}

// subject is what a hook is about beside the message.
func (m *Message) subject(pt sdk.Point) string {
	switch pt {
	case sdk.PointRewrite:
		return m.asked.class + " <" + m.asked.addr + ">"
	case sdk.PointLookup:
		return status.Clean(m.asked.key)
	case sdk.PointEvent:
		if m.asked.event != nil {
			return strings.TrimSpace(m.asked.event.Kind + " " + m.asked.event.Recipient)
		}
	case sdk.PointRcpt, sdk.PointRoute:
		if m.rcpt != nil {
			return "<" + m.rcpt.Address + ">"
		}
	}
	return ""
}

// changes is what the hook proposes to change, in unified form.
func (h *host) changes() string {
	diff := ""
	if h.edited || h.sender != nil {
		sender := h.m.env.Sender
		if h.sender != nil {
			sender = *h.sender
		}
		diff += textdiff.Unified("envelope", envelopeText(h.m.env.Sender, h.m.env.Recipients), envelopeText(sender, h.recipients()))
	}
	if h.header != nil {
		diff += textdiff.Unified("header", cut(h.m.header.Bytes()), cut(h.header.Bytes()))
	}
	if h.done {
		diff += textdiff.Unified("body", readText(h.m.rest, h.m.bodyOff), readText(h.body.Content(), int64(len("\r\n"))))
	}
	if len(diff) > traceDiff {
		diff = diff[:strings.LastIndexByte(diff[:traceDiff], '\n')+1] + "…\n"
	}
	return diff
}

func envelopeText(sender string, list []mail.Recipient) []byte {
	b := []byte("from <" + sender + ">\n")
	for i := range list {
		b = append(b, "to <"+list[i].Address+">\n"...)
	}
	return b
}

func cut(b []byte) []byte { return b[:min(len(b), traceText)] }

func readText(c mail.Content, off int64) []byte {
	if c == nil {
		return nil
	}
	b := make([]byte, max(0, min(c.Size()-off, traceText)))
	n, err := c.ReadAt(b, off)
	if err != nil && n < len(b) {
		return append(bytes.Clone(b[:n]), "(cannot be read)"...)
	}
	return b[:n]
}

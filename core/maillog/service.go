package maillog

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// Service logs under the tag of one service. Safe for concurrent use.
type Service struct {
	log  *Log
	name string
	tag  string
}

// Service returns the logger of a service ("smtpd", "qmgr"); its tag is syslog_name/name.
func (l *Log) Service(name string) *Service {
	return &Service{log: l, name: name, tag: l.o.Name + "/" + name}
}

// Named is Service with another syslog_name, as a -o override of master.cf gives.
func (l *Log) Named(syslogName, name string) *Service {
	return &Service{log: l, name: name, tag: syslogName + "/" + name}
}

// Client logs which client a queue id belongs to.
func (s *Service) Client(id string, o *mail.Origin) { s.ClientOf(id, o, "") }

// ClientOf is Client with what a filter said of the message's first client (", orig_client=…").
func (s *Service) ClientOf(id string, o *mail.Origin, more string) {
	if s.log.o.JSON {
		s.json("client", id, pairs{{"client", ClientName(o)}, {"sasl_method", o.SASLMethod}, {"sasl_username", o.SASLUser}, {"orig", strings.TrimPrefix(more, ", ")}})
		return
	}
	s.log.line(s.tag, false, func(b []byte) []byte {
		b = append(append(b, id...), ": client="...)
		b = appendClient(b, o)
		if o.SASLMethod != "" {
			b = append(append(b, ", sasl_method="...), status.Clean(o.SASLMethod)...)
		}
		if o.SASLUser != "" {
			b = append(append(b, ", sasl_username="...), status.Clean(o.SASLUser)...)
		}
		return append(b, status.Clean(more)...)
	})
}

// ClientName returns "name[address]", as log lines and replies show a client.
func ClientName(o *mail.Origin) string { return string(appendClient(nil, o)) }

func appendClient(b []byte, o *mail.Origin) []byte {
	name := o.ClientName
	if name == "" {
		name = "unknown"
	}
	b = append(append(b, status.Clean(name)...), '[')
	if o.Client.IsValid() {
		b = o.Client.Addr().Unmap().AppendTo(b)
	} else {
		b = append(b, "unknown"...)
	}
	return append(b, ']')
}

// MessageID logs the Message-ID of a queue id ("<…>" included), as cleanup does.
func (s *Service) MessageID(id, messageID string) {
	if s.log.o.JSON {
		s.json("message-id", id, pairs{{"message_id", messageID}})
		return
	}
	s.log.line(s.tag, false, func(b []byte) []byte {
		b = append(append(b, id...), ": message-id="...)
		return append(b, status.Clean(messageID)...)
	})
}

// Active logs that the manager took an entry up.
func (s *Service) Active(id, sender string, size int64, recipients int) {
	if s.log.o.JSON {
		s.json("active", id, pairs{{"from", sender}, {"size", size}, {"nrcpt", recipients}})
		return
	}
	s.log.line(s.tag, false, func(b []byte) []byte {
		b = append(append(b, id...), ": from=<"...)
		b = append(append(b, status.Clean(sender)...), ">, size="...)
		b = strconv.AppendInt(b, size, 10)
		b = strconv.AppendInt(append(b, ", nrcpt="...), int64(recipients), 10)
		return append(b, " (queue active)"...)
	})
}

// Removed logs that an entry is gone.
func (s *Service) Removed(id string) {
	if s.log.o.JSON {
		s.json("removed", id, nil)
		return
	}
	s.log.line(s.tag, false, func(b []byte) []byte { return append(append(b, id...), ": removed"...) })
}

// Delivery is the disposition of one recipient.
type Delivery struct {
	ID string
	// To is where it went, OrigTo the original recipient (shown when it differs).
	To, OrigTo, Relay string
	// Arrived, Active, Setup, Sending and End are the moments between which the four parts
	// of delays=a/b/c/d lie. A zero one counts as the one before it.
	Arrived, Active, Setup, Sending, End time.Time
	DSN                                  string
	// Status is sent, deferred, bounced, expired…; Text the reason in parentheses.
	Status, Text string
	// ConnUse is how many messages the connection carried, shown from 2 on.
	ConnUse int
}

// Delivered logs the disposition of one recipient.
func (s *Service) Delivered(d *Delivery) {
	if s.log.o.JSON {
		s.json("delivery", d.ID, pairs{{"to", d.To}, {"orig_to", d.OrigTo}, {"relay", d.Relay},
			{"delay", d.End.Sub(d.Arrived).Seconds()}, {"dsn", d.DSN}, {"status", d.Status}, {"text", d.Text}})
		return
	}
	s.log.line(s.tag, false, func(b []byte) []byte { return appendDelivery(b, d, s.log.digits) })
}

func appendDelivery(b []byte, d *Delivery, digits int) []byte {
	b = append(append(b, d.ID...), ": to=<"...)
	b = append(append(b, status.Clean(d.To)...), '>')
	if d.OrigTo != "" && d.OrigTo != d.To {
		b = append(append(append(b, ", orig_to=<"...), status.Clean(d.OrigTo)...), '>')
	}
	b = append(append(b, ", relay="...), status.Clean(d.Relay)...)
	if d.ConnUse > 1 {
		b = strconv.AppendInt(append(b, ", conn_use="...), int64(d.ConnUse), 10)
	}
	b = appendDelays(b, d, digits)
	b = append(append(b, ", dsn="...), d.DSN...)
	b = append(append(b, ", status="...), d.Status...)
	b = append(append(b, " ("...), status.Clean(d.Text)...)
	return append(b, ')')
}

func appendDelays(b []byte, d *Delivery, digits int) []byte {
	b = appendDelay(append(b, ", delay="...), d.End.Sub(d.Arrived), digits)
	b = append(b, ", delays="...)
	last := d.Arrived
	for i, t := range [...]time.Time{d.Active, d.Setup, d.Sending, d.End} {
		if i > 0 {
			b = append(b, '/')
		}
		if t.Before(last) {
			t = last
		}
		b = appendDelay(b, t.Sub(last), digits)
		last = t
	}
	return b
}

// appendDelay writes seconds with two significant digits, at most digits of them after the point, as
// Postfix does (postconf(5) delay_logging_resolution_limit).
func appendDelay(b []byte, d time.Duration, digits int) []byte {
	s := max(d, 0).Seconds()
	if s >= 9.95 || digits == 0 {
		return strconv.AppendInt(b, int64(s+0.5), 10)
	}
	n := 1
	for unit := 0.995; s < unit && n < digits; unit /= 10 {
		n++
	}
	b = strconv.AppendFloat(b, s, 'f', n, 64)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if last := len(b) - 1; b[last] == '.' {
		b = b[:last]
	}
	return b
}

// Reject logs a refusal: "NOQUEUE: reject: RCPT from name[addr]: 554 5.7.1 …; from=<> to=<>
// proto= helo=<>". id is "" for no queue id; action is "reject", "warn", "hold"…; stage is the
// SMTP command; rcpt may be "". Of a reply without a code only the text is shown.
func (s *Service) Reject(id, action, stage string, o *mail.Origin, r status.Reply, sender *string, rcpt string) {
	if id == "" {
		id = "NOQUEUE"
	}
	if s.log.o.JSON {
		s.json(action, id, pairs{{"stage", stage}, {"client", ClientName(o)}, {"reply", replyText(r)}, {"from", deref(sender)}, {"to", rcpt}, {"helo", o.Helo}})
		return
	}
	s.log.line(s.tag, false, func(b []byte) []byte {
		b = append(append(append(append(b, id...), ": "...), action...), ": "...)
		b = append(append(b, stage...), " from "...)
		b = append(appendClient(b, o), ": "...)
		b = append(append(b, status.Clean(replyText(r))...), ';')
		if sender != nil {
			b = append(append(append(b, " from=<"...), status.Clean(*sender)...), '>')
		}
		if rcpt != "" {
			b = append(append(append(b, " to=<"...), status.Clean(rcpt)...), '>')
		}
		if p := o.Protocol(); p != "" {
			b = append(append(b, " proto="...), p...)
		}
		if o.Helo != "" {
			b = append(append(append(b, " helo=<"...), status.Clean(o.Helo)...), '>')
		}
		return b
	})
}

func replyText(r status.Reply) string {
	if r.Code == 0 {
		return r.Text
	}
	return r.String()
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Info logs text under this service ("connect from …").
func (s *Service) Info(text string) { s.text("", text, false) }

// Warning logs "warning: text", at once.
func (s *Service) Warning(text string) { s.text("warning", text, true) }

// Error logs "error: text", at once.
func (s *Service) Error(text string) { s.text("error", text, true) }

// Panic logs "panic: text", at once. It does not panic.
func (s *Service) Panic(text string) { s.text("panic", text, true) }

// Fatal logs "fatal: text", at once. It does not end the process.
func (s *Service) Fatal(text string) { s.text("fatal", text, true) }

func (s *Service) text(level, text string, now bool) {
	if s.log.o.JSON {
		s.json("text", "", pairs{{"level", level}, {"text", text}})
		return
	}
	s.log.line(s.tag, now, func(b []byte) []byte {
		if level != "" {
			b = append(append(b, level...), ": "...)
		}
		return append(b, status.Clean(text)...)
	})
}

type pairs [][2]any

// json writes one event as an object; empty values are left out.
func (s *Service) json(event, id string, kv pairs) {
	m := map[string]any{"time": s.log.o.Clock().UTC().Format(time.RFC3339Nano), "service": s.tag, "event": event}
	if id != "" {
		m["id"] = id
	}
	for _, p := range kv {
		if p[1] != "" {
			m[p[0].(string)] = p[1]
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.buf = append(append(s.log.buf, b...), '\n')
	s.log.written(false)
}

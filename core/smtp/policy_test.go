package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
)

// policy is a scripted Handler. Rules say what a call is answered: "rcpt <nobody@example.com>" →
// "550 5.1.1 User unknown". Calls are kept in order, as are texts and ends.
type policy struct {
	rules      map[string]string
	extensions []string
	closed     chan struct{} // closed by the first Close

	mu    sync.Mutex
	calls []string
	texts []string
	why   error
	info  smtp.ConnInfo
}

func newPolicy() *policy {
	return &policy{rules: map[string]string{}, closed: make(chan struct{})}
}

func (p *policy) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// rule returns the error for a call, nil when there is no rule.
func (p *policy) rule(call string) error {
	r, ok := p.rules[call]
	if !ok {
		return nil
	}
	if r == "panic" {
		panic("as the test wants")
	}
	r, uncounted := strings.CutPrefix(r, "uncounted ")
	reply, ok := parseReply(r)
	switch {
	case !ok:
		return errors.New(r)
	case uncounted:
		return &smtp.Uncounted{Err: &status.Error{Reply: reply}}
	}
	return &status.Error{Reply: reply}
}

func parseReply(s string) (status.Reply, bool) {
	word, rest, _ := strings.Cut(s, " ")
	code, err := strconv.Atoi(word)
	if err != nil {
		return status.Reply{}, false
	}
	enhanced, text, _ := strings.Cut(rest, " ")
	if enhanced == "" || !status.ValidEnhanced(enhanced, int(enhanced[0]-'0')) { // of any class
		enhanced, text = "", rest
	}
	return status.Reply{Code: code, Enhanced: enhanced, Text: strings.ReplaceAll(text, `\n`, "\n")}, true
}

func (p *policy) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

func (p *policy) history() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.calls...)
}

func (p *policy) messages() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.texts...)
}

func (p *policy) Connect(_ context.Context, c smtp.ConnInfo) (smtp.Session, error) {
	p.mu.Lock()
	p.info = c
	p.mu.Unlock()
	if err := p.rule("connect"); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *policy) Helo(_ context.Context, name string, esmtp bool) error {
	word := "helo"
	if esmtp {
		word = "ehlo"
	}
	p.note("%s %s", word, name)
	return p.rule(word + " " + name)
}

func (p *policy) Extensions() []string { return p.extensions }

func (p *policy) Auth(_ context.Context, mechanism string) (smtp.AuthExchange, error) {
	p.note("auth %s", mechanism)
	if err := p.rule("auth " + mechanism); err != nil {
		return nil, err
	}
	return &exchange{p: p, mechanism: mechanism}, nil
}

// exchange knows PLAIN ("\x00user\x00pass"), LOGIN's two questions, and FINAL, which has a last word.
type exchange struct {
	p         *policy
	mechanism string
	step      int
}

func (x *exchange) Next(response []byte) (challenge []byte, done bool, err error) {
	x.step++
	switch {
	case x.mechanism == "PLAIN" && response == nil:
		return nil, false, nil
	case x.mechanism == "PLAIN" && string(response) == "\x00user\x00pass":
		return nil, true, nil
	case x.mechanism == "LOGIN" && x.step == 1 && response == nil:
		return []byte("Username:"), false, nil
	case x.mechanism == "LOGIN" && x.step == 2 && string(response) == "user":
		return []byte("Password:"), false, nil
	case x.mechanism == "LOGIN" && x.step == 3 && string(response) == "pass":
		return nil, true, nil
	case x.mechanism == "FINAL":
		return []byte("last word"), true, nil
	}
	if err := x.p.rule("response " + string(response)); err != nil {
		return nil, false, err
	}
	return nil, false, errors.New("no such user")
}

func (p *policy) Mail(_ context.Context, m smtp.MailArgs) error {
	p.note("mail <%s>%s", m.Sender, mailWords(m))
	return p.rule("mail <" + m.Sender + ">")
}

func mailWords(m smtp.MailArgs) string {
	var b strings.Builder
	if m.Size >= 0 {
		fmt.Fprintf(&b, " size=%d", m.Size)
	}
	b.WriteString([...]string{"", " 7bit", " 8bitmime", " binarymime"}[m.Body])
	if m.SMTPUTF8 {
		b.WriteString(" smtputf8")
	}
	b.WriteString([...]string{"", " full", " hdrs"}[m.Ret])
	if m.EnvID != "" {
		b.WriteString(" envid=" + m.EnvID)
	}
	if m.Auth != "" {
		b.WriteString(" auth=" + m.Auth)
	}
	return b.String()
}

func (p *policy) Rcpt(_ context.Context, r smtp.RcptArgs) error {
	words := ""
	for _, n := range []struct {
		bit  mail.Notify
		name string
	}{{mail.NotifyNever, "never"}, {mail.NotifySuccess, "success"}, {mail.NotifyFailure, "failure"}, {mail.NotifyDelay, "delay"}} {
		if r.Notify&n.bit != 0 {
			words += " " + n.name
		}
	}
	if r.ORcpt != "" {
		words += " orcpt=" + r.ORcpt
	}
	p.note("rcpt <%s>%s", r.Recipient, words)
	return p.rule("rcpt <" + r.Recipient + ">")
}

func (p *policy) Data(context.Context) error {
	p.note("data")
	return p.rule("data")
}

// Message reads all unless the rule "message" says "early ...".
func (p *policy) Message(_ context.Context, body smtp.Body) (status.Reply, error) {
	if early, ok := strings.CutPrefix(p.rules["message"], "early"); ok {
		p.note("message unread")
		r, _ := parseReply(strings.TrimSpace(early))
		if r.Positive() {
			return r, nil
		}
		return status.Reply{}, &status.Error{Reply: r}
	}
	var text bytes.Buffer
	for {
		block, err := body.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			if _, again := body.Next(); again != err {
				panic("another error the second time")
			}
			p.note("message cut off: %v", err)
			return status.Reply{}, err
		}
		text.Write(block)
	}
	p.note("message of %d", text.Len())
	if err := p.rule("message"); err != nil {
		return status.Reply{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts = append(p.texts, text.String())
	return status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok: queued as " + strconv.Itoa(len(p.texts))}, nil
}

func (p *policy) Reset() { p.note("reset") }

func (p *policy) Verify(_ context.Context, argument string) (status.Reply, error) {
	p.note("vrfy %s", argument)
	return status.Reply{Code: 252, Enhanced: "2.0.0", Text: argument}, p.rule("vrfy " + argument)
}

func (p *policy) Etrn(_ context.Context, site string) (status.Reply, error) {
	p.note("etrn %s", site)
	return status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Queuing started"}, p.rule("etrn " + site)
}

func (p *policy) Rejected(command string, r status.Reply) { p.note("rejected %q %s", command, r) }

func (p *policy) Close(why error) {
	if why == nil {
		p.note("close")
	} else {
		p.note("close: %v", why)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why = why; !p.isClosed() {
		close(p.closed)
	}
}

var (
	_ smtp.Handler      = (*policy)(nil)
	_ smtp.Session      = (*policy)(nil)
	_ smtp.AuthExchange = (*exchange)(nil)
)

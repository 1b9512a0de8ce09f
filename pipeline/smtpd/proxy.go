package smtpd

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/core/status"
)

// Proxy is a filter that mail passes before it is accepted: smtpd speaks for the client to it, and what
// the filter answers is the client's answer. The filter, not smtpd, hands the mail to a queue.
type Proxy struct {
	// Name is smtpd_proxy_filter, for the log; Network and Address are what to dial.
	Name, Network, Address string
	// Helo is smtpd_proxy_ehlo; Timeout is smtpd_proxy_timeout, for the connection and each reply.
	Helo    string
	Timeout time.Duration
	// Whole tells the filter of a message when all of it is here (smtpd_proxy_options =
	// speed_adjust). What does not fit into memory waits in a file of Dir that has no name.
	Whole bool
	Dir   string

	client smtpclient.Options
}

// complete sets what follows from the options.
func (p *Proxy) complete() {
	p.client = smtpclient.Options{Helo: p.Helo, Timeouts: smtpclient.Timeouts{
		Helo: p.Timeout, StartTLS: p.Timeout, Mail: p.Timeout, Rcpt: p.Timeout, DataInit: p.Timeout, DataXfer: p.Timeout,
		DataDone: p.Timeout, Rset: p.Timeout, Forward: p.Timeout, Quit: p.Timeout}}
}

// proxied is one transaction that goes to the filter. The session's goroutine uses it.
type proxied struct {
	s     *session
	conn  *smtpclient.Conn
	mail  string   // the command
	rcpts []string // the commands, while the filter has not been told of them
	spool *spool
}

// errFilter is what the client is told when the filter cannot be asked: Postfix's words.
func errFilter(cause error) *status.Error {
	return status.New(451, "4.3.0", "Error: queue file write error").By("smtpd_proxy_filter").Because(cause)
}

// trouble logs why the filter could not be asked, and returns what the client is told.
func (x *proxied) trouble(what string, err error) *status.Error {
	x.s.trouble |= TroubleSoftware
	x.s.h.o.Log.Warning(status.Clean(what + x.s.h.o.Proxy.Name + why(err)))
	x.drop()
	return errFilter(err)
}

// broken is trouble in the middle of the dialogue.
func (x *proxied) broken(err error) *status.Error {
	var e *smtpclient.Error
	if errors.As(err, &e) && e.Kind == smtpclient.TimedOut {
		return x.trouble("timeout talking to proxy ", err)
	}
	return x.trouble("lost connection with proxy ", err)
}

// why is what the log says of the cause: nothing of a dialogue that ended, as with Postfix.
func why(err error) string {
	var broken *smtpclient.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno) && !errors.As(err, &broken):
		text := errno.Error()
		return ": " + strings.ToUpper(text[:1]) + text[1:]
	case errors.As(err, &broken) && broken.Kind != smtpclient.Garbled:
		return ""
	}
	return ": " + err.Error()
}

// failed is what becomes of an error on the way of the text.
func (x *proxied) failed(err error) *status.Error {
	var own *status.Error
	var e *smtpclient.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &e):
		return x.broken(err)
	}
	return x.trouble("cannot keep what is for proxy ", err)
}

// refused logs what the filter did not like and returns the answer.
func (x *proxied) refused(command string, r smtpclient.Reply) *status.Error {
	x.s.trouble |= TroublePolicy
	x.s.h.o.Log.Warning(status.Clean("proxy " + x.s.h.o.Proxy.Name + " rejected " + strconv.Quote(command) + ": " + strconv.Quote(r.Raw)))
	return (&status.Error{Reply: r.Reply}).By("smtpd_proxy_filter")
}

// open connects to the filter and opens the transaction there. A filter that does not even let us in is
// our problem, not the client's.
func (x *proxied) open(ctx context.Context) *status.Error {
	o := x.s.h.o.Proxy
	d := net.Dialer{Timeout: o.Timeout}
	nc, err := d.DialContext(ctx, o.Network, o.Address)
	if err != nil {
		return x.trouble("connect to proxy filter ", err)
	}
	x.conn = smtpclient.New(nc, &o.client)
	defer context.AfterFunc(ctx, x.conn.Abort)()
	_, err = x.conn.Greet()
	if err == nil {
		err = x.conn.Hello()
	}
	if err == nil {
		err = x.conn.Forward(x.s.forwarding())
	}
	var e *smtpclient.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Kind == smtpclient.Refused:
		refusal := x.refused(e.Stage.Command(), e.Reply)
		x.s.trouble |= TroubleSoftware
		x.drop()
		return errFilter(refusal)
	default:
		return x.broken(err)
	}
	r, err := x.conn.Command(smtpclient.StageMail, x.mail)
	switch {
	case err != nil:
		return x.broken(err)
	case r.Code/100 != 2:
		defer x.close()
		return x.refused(x.mail, r)
	}
	return nil
}

// rcpt tells the filter of a recipient.
func (x *proxied) rcpt(ctx context.Context, command string) *status.Error {
	defer context.AfterFunc(ctx, x.conn.Abort)()
	r, err := x.conn.Command(smtpclient.StageRcpt, command)
	switch {
	case err != nil:
		return x.broken(err)
	case r.Code/100 != 2:
		return x.refused(command, r)
	}
	return nil
}

// data asks the filter to take the text.
func (x *proxied) data(ctx context.Context) *status.Error {
	if x.conn == nil {
		return errFilter(nil)
	}
	defer context.AfterFunc(ctx, x.conn.Abort)()
	r, err := x.conn.Command(smtpclient.StageData, "DATA")
	switch {
	case err != nil:
		return x.broken(err)
	case r.Code/100 != 3:
		if r.Code/100 == 2 {
			return x.broken(errors.New("a positive reply to DATA"))
		}
		return x.refused("DATA", r)
	}
	return nil
}

// replay tells the filter of the whole transaction up to DATA, once the text is here.
func (x *proxied) replay(ctx context.Context) *status.Error {
	if e := x.open(ctx); e != nil {
		return e
	}
	for _, command := range x.rcpts {
		if e := x.rcpt(ctx, command); e != nil {
			return e
		}
	}
	return x.data(ctx)
}

// close ends the dialogue in good order.
func (x *proxied) close() {
	if x.conn != nil {
		x.conn.Quit()
	}
	x.drop()
}

// drop ends it without a word.
func (x *proxied) drop() {
	if x.conn != nil {
		x.conn.Close()
		x.conn = nil
	}
	x.spool.free()
	x.spool = nil
}

// proxyRcpt passes a recipient on to the filter; at the first one the filter learns of the transaction.
func (s *session) proxyRcpt(ctx context.Context, r *mail.Recipient) *status.Error {
	command := smtpclient.RcptCommand(r)
	if s.proxy == nil {
		x := &proxied{s: s, mail: mailCommand(&s.env, s.size)}
		if s.h.o.Proxy.Whole {
			x.spool = newSpool(s.h.o.Proxy.Dir)
		} else if e := x.open(ctx); e != nil {
			return e
		}
		s.proxy = x
		s.logClient()
	}
	if s.proxy.spool != nil {
		s.proxy.rcpts = append(s.proxy.rcpts, command)
		return nil
	}
	if s.proxy.conn == nil {
		return errFilter(nil)
	}
	return s.proxy.rcpt(ctx, command)
}

// proxyMessage gives the text to the filter; its answer is ours.
func (s *session) proxyMessage(ctx context.Context, body smtp.Body) (status.Reply, error) {
	x := s.proxy
	if x.spool == nil && x.conn == nil {
		return status.Reply{}, errFilter(nil)
	}
	to, end := x.sink(ctx)
	if err := s.pump(to, body); err != nil {
		return status.Reply{}, err
	}
	if e := s.evalAlone(ctx, s.h.o.Policy.EndOfData, s.lastQuery("END-OF-MESSAGE")); e != nil {
		x.drop() // in the middle of the text there is no other way to take it back
		return status.Reply{}, s.reject("END-OF-MESSAGE", e, s.first())
	}
	r, err := end()
	return s.proxyEnd(r, err)
}

// sink returns where the text goes, and what ends it. The context lives as long as Message.
func (x *proxied) sink(ctx context.Context) (to io.Writer, end func() (smtpclient.Reply, error)) {
	if x.spool == nil {
		w := x.conn.Text()
		stop := context.AfterFunc(ctx, x.conn.Abort)
		return w, func() (smtpclient.Reply, error) { defer stop(); return w.End() }
	}
	return x.spool, func() (smtpclient.Reply, error) {
		if e := x.replay(ctx); e != nil {
			return smtpclient.Reply{}, e
		}
		defer context.AfterFunc(ctx, x.conn.Abort)()
		w := x.conn.Text()
		if err := x.spool.copyTo(w); err != nil {
			return smtpclient.Reply{}, err
		}
		return w.End()
	}
}

// pump copies the text, below the trace field of this server. What the client does wrong is its
// error; what becomes of the copy is the filter's.
func (s *session) pump(to io.Writer, body smtp.Body) error {
	_, err := to.Write(s.traceFields())
	s.size = 0
	for err == nil {
		var block []byte
		if block, err = body.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			s.proxy.drop()
			return err
		}
		s.size += int64(len(block))
		_, err = to.Write(block)
	}
	return s.proxy.failed(err)
}

// traceFields are what access rules put in front of the message, and Received: none when the client is
// itself a proxy for others.
func (s *session) traceFields() []byte {
	return s.h.o.Door.Trace(&s.env, s.actions(), !s.forwarded.any)
}

// proxyEnd makes the client's answer of the filter's, and logs it in Postfix's words.
func (s *session) proxyEnd(r smtpclient.Reply, err error) (status.Reply, error) {
	if err != nil {
		own := s.proxy.failed(err)
		r = smtpclient.Reply{Reply: own.Reply, Raw: own.Reply.String()}
	}
	word := "proxy-accept"
	if r.Code/100 != 2 {
		word = "proxy-reject"
	}
	s.h.o.Log.Info(status.Clean(word + ": END-OF-MESSAGE: " + r.Raw + "; from=<" + s.env.Sender + "> to=<" + s.env.Recipients[0].Original +
		"> proto=" + s.origin.Protocol() + " helo=<" + s.origin.Helo + ">"))
	if r.Code/100 == 2 {
		s.proxy.close()
		s.tellTrouble() // the dialogue of an accepted message is forgotten
		return r.Reply, nil
	}
	s.trouble |= TroublePolicy
	return status.Reply{}, (&status.Error{Reply: r.Reply}).By("smtpd_proxy_filter")
}

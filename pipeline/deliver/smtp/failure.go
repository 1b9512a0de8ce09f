package smtp

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/core/status"
)

// failure is why a destination, a host or a transaction did not take mail. The texts are those
// of Postfix, which log tools know.
type failure struct {
	reply status.Reply
	cause error // for the log; nil when the text says it all
	relay string
	// remote is the server that said so; "" when nobody did.
	remote string
	// handshake: TLS could not be started. ours: the fault is here, not at the site.
	handshake, ours bool
	// loops: nobody is nearer to the destination than we are.
	loops bool
	// refusedLogin: the server knows the user or the password not (535).
	refusedLogin bool
}

func (f *failure) permanent() bool { return f.reply.Permanent() }

func temporary(enhanced, text string) *failure {
	return &failure{reply: status.Reply{Code: 451, Enhanced: enhanced, Text: status.Clean(text)}}
}

func permanent(code int, enhanced, text string) *failure {
	return &failure{reply: status.Reply{Code: code, Enhanced: enhanced, Text: status.Clean(text)}}
}

// misconfigured is the failure of a nexthop that is none.
func misconfigured(err error) *failure {
	f := temporary("4.3.5", "mail system configuration error")
	f.cause, f.ours = err, true
	return f
}

// unmapped is the failure of a lookup in smtp_generic_maps.
func unmapped(err error) *failure {
	f := temporary("4.3.0", "address mapping lookup failure")
	f.cause, f.ours = err, true
	return f
}

// interrupted is the failure of a delivery whose context ended.
func interrupted(err error) *failure {
	f := temporary("4.3.2", "delivery was interrupted")
	f.cause = err
	return f
}

// lookupFailed is the failure of a DNS lookup. An error is never "not found": only what the DNS
// denies for certain is permanent.
func lookupFailed(err error) *failure {
	var e *dns.Error
	if !errors.As(err, &e) {
		f := temporary("4.4.3", "Name service error")
		f.cause = err
		return f
	}
	var f *failure
	switch {
	case e.Status == dns.NullMX:
		f = permanent(556, "5.1.10", e.Text()) // RFC 7505 §4.1
	case e.Temporary():
		f = temporary("4.4.3", e.Text())
	default:
		f = permanent(550, "5.4.4", e.Text())
	}
	f.cause = e.Cause
	return f
}

// connectFailed is the failure of a connection that did not come about.
func connectFailed(e *endpoint, err error) *failure {
	if errors.Is(err, errBind) {
		f := temporary("4.4.0", "server configuration error")
		f.cause, f.ours = err, true
		return f
	}
	f := temporary("4.4.1", "connect to "+e.relay()+": "+systemText(err))
	f.cause = err
	return f
}

// systemText returns the words of strerror(3) for err: log tools know them.
func systemText(err error) string {
	var errno syscall.Errno
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &errno):
		s := errno.Error()
		return strings.ToUpper(s[:1]) + s[1:]
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "Connection timed out"
	}
	return err.Error()
}

// sessionFailed is the failure of a session before any transaction.
func (a *Agent) sessionFailed(e *endpoint, err *smtpclient.Error) *failure {
	if err.Kind != smtpclient.Refused {
		return broken(e, err)
	}
	r := err.Reply
	f := said(e, r, "host "+e.named()+" refused to talk to me: "+r.Raw)
	// smtp_skip_5xx_greeting: a greeting says nothing about a recipient. What a server says of our
	// name is for good, as with Postfix.
	if !a.o.BounceAtGreeting && err.Stage == smtpclient.StageGreeting {
		f.soften()
	}
	return f
}

// broken is the failure of a conversation that ended before its time.
func broken(e *endpoint, err *smtpclient.Error) *failure {
	var f *failure
	switch err.Kind {
	case smtpclient.TimedOut:
		f = temporary("4.4.2", "conversation with "+e.named()+" timed out while "+err.Stage.Doing())
	case smtpclient.Garbled:
		f = temporary("4.5.0", "protocol error in reply from "+e.named()+" while "+err.Stage.Doing())
	case smtpclient.Unreadable:
		f = temporary("4.3.0", "local data error while talking to "+e.named())
	case smtpclient.Handshake:
		f = temporary("4.7.5", "Cannot start TLS: handshake failure")
	default:
		f = temporary("4.4.2", "lost connection with "+e.named()+" while "+err.Stage.Doing())
	}
	f.cause, f.relay, f.handshake = err.Err, e.relay(), err.Kind == smtpclient.Handshake
	return f
}

// refused is the failure of a command of a transaction.
func refused(e *endpoint, res *smtpclient.Result) *failure {
	r := res.Reply
	if res.Stage == 0 {
		return permanent(r.Code, r.Enhanced, r.Text)
	}
	return said(e, r, "host "+e.named()+" said: "+r.Raw+" (in reply to "+res.Stage.Command()+" command)")
}

// said is a failure that a server reported.
func said(e *endpoint, r smtpclient.Reply, text string) *failure {
	f := &failure{reply: status.Reply{Code: r.Code, Enhanced: r.DSN(), Text: text}, relay: e.relay(), remote: e.host}
	if !f.reply.Temporary() && !f.reply.Permanent() {
		f.reply.Code, f.reply.Enhanced = 451, "4.5.0"
	}
	return f
}

// soften makes f temporary.
func (f *failure) soften() {
	if f.permanent() {
		f.reply.Code -= 100
		f.reply.Enhanced = "4" + f.reply.Enhanced[1:]
	}
}

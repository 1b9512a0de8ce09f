package workbench

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"slices"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// Message is a message and how it comes.
type Message struct {
	// Text is the message; lines end in LF or CRLF.
	Text []byte
	From string
	To   []string
	// Client is where it comes from by SMTP; invalid: from the sendmail command, without the hooks
	// of a connection. Name, Helo and User are what is known of the client; without User there is
	// no AUTH.
	Client           netip.Addr
	Name, Helo, User string
	// Keys are asked of a lookup hook.
	Keys []string
}

// Result is what came of a message.
type Result struct {
	// Steps are the hooks that were asked, in order; of a refused message no others were.
	Steps []trace.Step
	// Refused is the reply of a refusal; nil when the message is taken.
	Refused *status.Error
	// Failed says that a hook failed.
	Failed bool
	// Decision is what was decided beside that.
	hook.Decision
	// Sender, Recipients and Text are the message as it is now, Results those of a deliver hook.
	Sender     string
	Recipients []string
	Text       []byte
	Results    []queue.Result
}

// id is the queue id of every message on the bench.
const id = "4F1AB2C3D4"

// Pass has the plugin see a message from the connection to its delivery.
func (b *Bench) Pass(ctx context.Context, msg Message) *Result {
	p := &passage{b: b, msg: msg, r: &Result{}}
	p.r.Refused = p.arrive(ctx)
	if p.r.Refused == nil && p.m != nil {
		p.leave(ctx)
	}
	b.tables(ctx, msg.Keys)
	if p.ss != nil {
		p.ss.Close()
	}
	p.r.Sender, p.r.Recipients = p.env.Sender, addresses(p.env.Recipients)
	p.r.Steps = b.steps()
	for i := range p.r.Steps {
		p.r.Failed = p.r.Failed || p.r.Steps[i].Failure != ""
	}
	return p.r
}

// steps takes what was traced: of the message, then of what was asked beside it.
func (b *Bench) steps() (all []trace.Step) {
	for _, rec := range slices.Backward(b.trace.State().Records) {
		if rec, ok := b.trace.Find(rec.ID); ok {
			all = append(all, rec.Steps...)
		}
	}
	b.trace.Forget()
	return all
}

// passage is one message on its way.
type passage struct {
	b   *Bench
	msg Message
	r   *Result
	env mail.Envelope
	ss  *hook.Session
	m   *hook.Message
}

// arrive plays the session and the door.
func (p *passage) arrive(ctx context.Context) *status.Error {
	p.env.Origin = mail.Origin{Kind: mail.KindSendmail, Service: "pickup", UID: 1000, Local: true}
	if p.msg.Client.IsValid() {
		p.env.Origin = mail.Origin{Kind: mail.KindSMTP, Service: "smtpd", Client: netip.AddrPortFrom(p.msg.Client, 4711),
			Server: netip.MustParseAddrPort("192.0.2.25:25"), ClientName: "unknown", ReverseName: "unknown", UID: -1}
	}
	o := &p.env.Origin
	p.ss = p.b.set.Session(o)
	if o.Kind == mail.KindSMTP {
		if e := p.connect(ctx, o); e != nil {
			return e
		}
	}
	p.env.Sender = p.msg.From
	p.m = p.ss.Begin(&p.env)
	if e := p.m.Mail(ctx, ""); e != nil {
		return e
	}
	refused := p.recipients(ctx)
	if len(p.env.Recipients) == 0 {
		return refused
	}
	if e := p.m.Data(ctx); e != nil {
		return e
	}
	return p.text(ctx)
}

func (p *passage) connect(ctx context.Context, o *mail.Origin) *status.Error {
	if p.msg.Name != "" {
		o.ClientName, o.ReverseName = p.msg.Name, p.msg.Name
	}
	if e := p.ss.Connect(ctx); e != nil {
		return e
	}
	o.Helo, o.Proto = p.msg.Helo, "ESMTP"
	if e := p.ss.Helo(ctx); e != nil || p.msg.User == "" {
		return e
	}
	o.SASLUser, o.SASLMethod, o.Proto = p.msg.User, "PLAIN", "ESMTPA"
	return p.ss.Auth(ctx)
}

// recipients asks about each; the last refusal is that of the message when none is left.
func (p *passage) recipients(ctx context.Context) (refused *status.Error) {
	for _, to := range p.msg.To {
		rc := mail.Recipient{Address: to, Original: to}
		if e := p.m.Rcpt(ctx, &rc); e != nil {
			refused = e
			continue
		}
		if p.env.ID == "" {
			p.env.ID = id
			p.m.Named()
		}
		p.env.Recipients = append(p.env.Recipients, rc)
	}
	return refused
}

// text plays header, body and end of the message, and rewrites the envelope.
func (p *passage) text(ctx context.Context) *status.Error {
	text := wire(p.msg.Text)
	n, _ := mail.SplitFrom(text, 0)
	rest, off := text[n:], int64(0)
	if bytes.HasPrefix(rest, []byte("\r\n")) {
		off = 2
	}
	if e := p.m.Headers(ctx, mail.ParseHeader(text[:n:n])); e != nil {
		return e
	}
	content := func() mail.Content { return mail.Bytes(rest) }
	if e := p.m.Body(ctx, hook.Arrived{Size: int64(len(rest)), BodyOff: off, Last: true}, content); e != nil {
		return e
	}
	if e := p.m.EOM(ctx, hook.Text{Header: p.m.Header(), Rest: content(), BodyOff: off, Fork: func() hook.NewText { return &newText{} }}); e != nil {
		return e
	}
	p.r.Decision = p.m.Decision
	if t := p.m.Replaced(); t != nil {
		rest = t.(*newText).Bytes()
	}
	p.r.Text = append(p.m.Header().Bytes(), rest...)
	return p.rewrite(ctx)
}

func (p *passage) rewrite(ctx context.Context) *status.Error {
	sender, e := p.m.Rewrite(ctx, hook.EnvelopeSender, p.env.Sender)
	if e != nil {
		return e
	}
	p.env.Sender = sender
	for i := range p.env.Recipients {
		to, e := p.m.Rewrite(ctx, hook.EnvelopeRecipient, p.env.Recipients[i].Address)
		if e != nil {
			return e
		}
		p.env.Recipients[i].Address = to
	}
	return nil
}

// newText is a new body in memory.
type newText struct{ bytes.Buffer }

// Content is what was written so far.
func (t *newText) Content() mail.Content { return mail.Bytes(t.Bytes()) }

// Abort forgets it.
func (t *newText) Abort() {}

// wire brings line ends to wire form.
func wire(text []byte) []byte {
	var b bytes.Buffer
	w := mail.NewNormalizer(&b)
	_, err := w.Write(text)
	if err == nil {
		err = w.Close()
	}
	if err != nil { // a buffer takes everything
		return text
	}
	return b.Bytes()
}

func addresses(list []mail.Recipient) []string {
	all := make([]string, len(list))
	for i := range list {
		all[i] = list[i].Address
	}
	return all
}

// tables asks a lookup hook.
func (b *Bench) tables(ctx context.Context, keys []string) {
	if t, err := b.set.Table(b.Manifest().Name); err == nil {
		for _, k := range keys {
			_, _, _ = t.Lookup(ctx, k) // what came of it is in the trace
		}
	}
}

var _ io.Writer = (*newText)(nil)

// wants reports whether the plugin has a hook.
func (b *Bench) wants(p sdk.Point) bool { return b.set.Wants(p) }

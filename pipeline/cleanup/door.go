package cleanup

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/queue"
)

// Options of a Door.
type Options struct {
	// Hostname, MailName and Origin are myhostname, mail_name and myorigin.
	Hostname, MailName, Origin string
	// SizeLimit is message_size_limit in bytes, 0 for none; HopLimit is hopcount_limit.
	SizeLimit int64
	HopLimit  int
	// AddMissing adds missing fields to all mail (always_add_missing_headers).
	AddMissing bool
	// DropHeaders is message_drop_headers.
	DropHeaders []string
	// TLSReceived and AuthReceived show TLS and the authenticated user in Received
	// (smtpd_tls_received_header, smtpd_sasl_authenticated_header).
	TLSReceived, AuthReceived bool
	// HideClient leaves the client and its TLS out of Received (smtpd_hide_client_session).
	HideClient bool
	// Detect8Bit takes text for 8-bit when its Content-Transfer-Encoding says so
	// (detect_8bit_encoding_header).
	Detect8Bit bool
	// DetectUTF8 lists the kinds of mail that are SMTPUTF8 when an address or the header has UTF-8
	// (smtputf8_autodetect_classes): its words, "all" for all of them.
	DetectUTF8 []string
	// Content is what the text must be like.
	Content Content
	// Undisclosed is undisclosed_recipients_header: added when no recipient field stands in
	// a message that gets missing fields; "" for none.
	Undisclosed string
	Rewriter    Rewriter
	// NoMaps leaves address maps and automatic copies out (receive_override_options with
	// no_address_mappings); KeepOriginal is enable_original_recipient, DuplicateLimit
	// duplicate_filter_limit, RemoteDomain remote_header_rewrite_domain.
	NoMaps, KeepOriginal bool
	DuplicateLimit       int
	RemoteDomain         string
	Store                queue.Store
	// Queued is told of each committed entry that is not on hold; it must not block.
	Queued func(*queue.Entry)
	// OnEvent is told of each committed entry ("queued", and "held" when it is on hold), before
	// Queued; it must not block. nil: nobody is told.
	OnEvent func(queue.Event)
	// Hooks are the plugins for Submit; SMTP brings its own session of them.
	Hooks *hook.Set
	Log   *maillog.Service
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Door lets messages into the queue. Safe for concurrent use.
type Door struct {
	o     Options
	heads sync.Pool // *[]byte: header blocks being collected
}

// New returns a door.
func New(o Options) *Door {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	d := &Door{o: o}
	d.heads.New = func() any { b := make([]byte, 0, 8<<10); return &b }
	return d
}

// Begin opens the queue for a message. It sets env.ID, and env.Arrived if it is zero or yet to come; the caller adds
// recipients to env until the text begins. hooks may be nil when no plugin is configured.
func (d *Door) Begin(ctx context.Context, env *mail.Envelope, hooks *hook.Message) (*Job, error) {
	draft, err := d.o.Store.Begin(ctx)
	if err != nil {
		return nil, status.From(err)
	}
	env.ID = draft.ID()
	if now := d.o.Clock(); env.Arrived.IsZero() || env.Arrived.After(now) {
		env.Arrived = now
	}
	if hooks != nil {
		hooks.Named()
	}
	return &Job{d: d, env: env, hooks: hooks, draft: draft}, nil
}

// Submit queues a message that did not come by SMTP: from sendmail, or a notice. Lines of text
// may end in LF or CRLF. It returns the queue id.
func (d *Door) Submit(ctx context.Context, env *mail.Envelope, text io.Reader) (id string, err error) {
	var hooks *hook.Message
	if d.o.Hooks != nil {
		hooks = d.o.Hooks.Session(&env.Origin).Begin(env)
	}
	j, err := d.Begin(ctx, env, hooks)
	if err != nil {
		return "", err
	}
	defer j.Abort(ctx)
	if e := j.announce(ctx); e != nil {
		return "", e
	}
	w := mail.NewNormalizer(writerFunc(func(p []byte) (int, error) { return len(p), j.Write(ctx, p) }))
	if _, err := io.Copy(w, text); err != nil {
		return "", status.From(err)
	}
	if err := w.Close(); err != nil {
		return "", status.From(err)
	}
	if _, err := j.Commit(ctx); err != nil {
		return "", err
	}
	return env.ID, nil
}

// announce asks the plugins of the envelope's stages about a message that did not come by SMTP, as
// they are asked about one that does: there is no connection, but a sender and recipients. What
// they refuse is refused whole: nobody is there to be told of one recipient.
func (j *Job) announce(ctx context.Context) *status.Error {
	if j.hooks == nil {
		return nil
	}
	if e := j.hooks.Mail(ctx, ""); e != nil {
		return e
	}
	all := j.env.Recipients
	for i := range all {
		j.env.Recipients = all[:i:i]
		if e := j.hooks.Rcpt(ctx, &all[i]); e != nil {
			return e
		}
	}
	j.env.Recipients = all
	return j.hooks.Data(ctx)
}

type writerFunc func([]byte) (int, error)

// Write calls f.
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

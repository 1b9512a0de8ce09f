package hook

import (
	"context"
	"io"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// NewText is where a plugin's new body goes; queue.Draft is one.
type NewText interface {
	io.Writer
	// Content is what was written so far.
	Content() mail.Content
	// Abort forgets it.
	Abort()
}

// Message is one transaction as plugins know it. One goroutine uses it.
type Message struct {
	// Decision is what plugins decided so far, apart from refusals.
	Decision

	sess   *Session
	env    *mail.Envelope
	rcpt   *mail.Recipient // the one that a rcpt hook is about
	params string          // parameters of MAIL

	header   *mail.Header
	rest     mail.Content // what follows the header block, the empty line included
	bodyOff  int64        // where the body begins in rest
	fork     func() NewText
	newText  NewText // the text that replaced the original one
	chunk    span    // what of the body a body hook is about
	asked    question
	statuses []queue.Result // of a deliver hook

	stash  stash
	host   host
	limit  limited
	record *trace.Record // nil while nothing was traced
}

// Begin starts a transaction. The caller keeps env up to date; plugins' edits of envelope and
// recipients are applied to it.
func (ss *Session) Begin(env *mail.Envelope) *Message {
	ss.begun = true
	return &Message{sess: ss, env: env, Decision: ss.carry}
}

// Connect, Helo and Auth ask the plugins about the connection.
func (ss *Session) Connect(ctx context.Context) *status.Error {
	return ss.msg.run(ctx, sdk.PointConnect)
}

// Helo asks at HELO and EHLO.
func (ss *Session) Helo(ctx context.Context) *status.Error { return ss.msg.run(ctx, sdk.PointHelo) }

// Auth asks after a successful authentication.
func (ss *Session) Auth(ctx context.Context) *status.Error { return ss.msg.run(ctx, sdk.PointAuth) }

// Mail asks at MAIL; params are its parameters as they came.
func (m *Message) Mail(ctx context.Context, params string) *status.Error {
	m.params = params
	return m.run(ctx, sdk.PointMail)
}

// Rcpt asks about one recipient, which is not yet in the envelope.
func (m *Message) Rcpt(ctx context.Context, r *mail.Recipient) *status.Error {
	m.rcpt = r
	defer func() { m.rcpt = nil }()
	return m.run(ctx, sdk.PointRcpt)
}

// Data asks at DATA.
func (m *Message) Data(ctx context.Context) *status.Error { return m.run(ctx, sdk.PointData) }

// Headers asks when the header is complete. Plugins may edit it: go on with Header.
func (m *Message) Headers(ctx context.Context, h *mail.Header) *status.Error {
	m.header = h
	return m.run(ctx, sdk.PointHeaders)
}

// Text is what EOM needs to know of a message's text.
type Text struct {
	Header *mail.Header
	// Rest is what follows the header block; the body begins BodyOff bytes into it.
	Rest    mail.Content
	BodyOff int64
	// Fork makes room for a new body.
	Fork func() NewText
}

// EOM asks with the whole message at hand. Afterwards Header and Replaced say what is to be
// queued.
func (m *Message) EOM(ctx context.Context, t Text) *status.Error {
	m.header, m.rest, m.bodyOff, m.fork = t.Header, t.Rest, t.BodyOff, t.Fork
	e := m.run(ctx, sdk.PointEOM)
	if e != nil {
		m.discardText()
	}
	return e
}

// Abort tells the plugins that the transaction is gone.
func (m *Message) Abort(ctx context.Context) {
	if m.sess.set.Wants(sdk.PointAbort) {
		m.run(ctx, sdk.PointAbort)
	}
	m.discardText()
}

func (m *Message) discardText() {
	if m.newText != nil {
		m.newText.Abort()
		m.newText = nil
	}
}

// Header returns the header as the plugins left it.
func (m *Message) Header() *mail.Header { return m.header }

// Replaced returns the text that takes the place of the original rest of the message (its empty
// line included), or nil when no plugin replaced the body. The caller owns it.
func (m *Message) Replaced() NewText {
	t := m.newText
	m.newText = nil
	return t
}

// stash keeps values per plugin. The zero stash is empty.
type stash struct {
	values map[stashKey][]byte
	sizes  map[int]int // bytes by plugin: none can use up another's
}

type stashKey struct {
	plugin int
	key    string
}

// stashLimit is the most bytes (keys and values) that one plugin has in one stash.
const stashLimit = 64 << 10

func (s *stash) get(plugin int, key string) ([]byte, sdk.Errno) {
	if v, ok := s.values[stashKey{plugin, key}]; ok {
		return v, sdk.OK
	}
	return nil, sdk.ErrNotFound
}

func (s *stash) set(plugin int, key string, value []byte) sdk.Errno {
	k := stashKey{plugin, string(append([]byte(nil), key...))}
	old, had := s.values[k]
	size := s.sizes[plugin] + len(value) - len(old)
	if !had {
		size += len(key) + 32
	}
	if size > stashLimit {
		return sdk.ErrLimit
	}
	if s.values == nil {
		s.values, s.sizes = make(map[stashKey][]byte), make(map[int]int)
	}
	s.values[k], s.sizes[plugin] = append([]byte(nil), value...), size
	return sdk.OK
}

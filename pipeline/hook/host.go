package hook

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook/scan"
	"github.com/mtad/mtad/plugins/sdk"
)

// host serves one hook call: it is sdk.Host over a Message. Edits go to copies that apply makes
// the message's own, or drop forgets.
type host struct {
	m  *Message
	p  *plugin
	pt sdk.Point

	reply status.Reply
	arg   string
	given answers

	waited  time.Duration // for tables and the DNS
	scan    *scan.Message // made when it is asked for
	match   sdk.Match
	matched bool

	header  *mail.Header // the edited copy, nil while untouched
	rcpts   []mail.Recipient
	edited  bool // rcpts is the edited copy
	sender  *string
	body    NewText // being written, or written when bodyDone
	done    bool
	text    *mail.Normalizer // writes to body
	logged  int
	traced  bool
	lines   []string // logged, while traced
	edits   int
	written int64 // bytes of the new body
	buf     []byte
	head    []byte // header block for MsgRead, made once
}

var _ sdk.Host = (*host)(nil)

func (h *host) begin(m *Message, p *plugin, pt sdk.Point) {
	*h = host{m: m, p: p, pt: pt, buf: h.buf[:0]}
}

// check says whether the answer is one that the point knows and whether the reply fits it.
func (h *host) check(a sdk.Action) error {
	if !a.AllowedAt(h.pt) {
		return fmt.Errorf("verdict %d (%s) is not known at %s", int32(a), a, h.pt)
	}
	class := classOf(a)
	if class != 0 && h.reply.Code != 0 && h.reply.Code/100 != class {
		return fmt.Errorf("reply code %d does not fit verdict %s", h.reply.Code, a)
	}
	if class != 0 && h.reply.Enhanced != "" && !status.ValidEnhanced(h.reply.Enhanced, class) {
		return fmt.Errorf("enhanced code %q does not fit verdict %s", h.reply.Enhanced, a)
	}
	if (a == sdk.ActRedirect || a == sdk.ActFilter) && h.arg == "" {
		return fmt.Errorf("verdict %s needs an argument (action.arg)", a)
	}
	if h.body != nil && !h.done {
		return fmt.Errorf("body_begin without body_end")
	}
	if a == sdk.ActFound {
		return h.given.check(h)
	}
	return nil
}

// classOf is the class of replies that fit an action, 0 when it takes none.
func classOf(a sdk.Action) int {
	switch a {
	case sdk.ActReject:
		return 5
	case sdk.ActTempfail:
		return 4
	}
	return 0
}

// apply makes the edits the message's own.
func (h *host) apply() {
	m := h.m
	if h.header != nil {
		m.header = h.header
	}
	if h.edited {
		m.env.Recipients = h.rcpts
	}
	if h.sender != nil {
		m.env.Sender = *h.sender
	}
	if h.body != nil {
		m.discardText()
		m.newText, m.rest = h.body, h.body.Content()
		m.bodyOff = int64(len("\r\n"))
		h.body = nil
	}
}

// drop forgets the edits.
func (h *host) drop() {
	if h.body != nil {
		h.body.Abort()
		h.body = nil
	}
}

// about is the recipient that a log line names.
func (m *Message) about() string {
	switch {
	case m.rcpt != nil:
		return m.rcpt.Address
	case len(m.env.Recipients) > 0:
		return m.env.Recipients[0].Address
	}
	return ""
}

func (h *host) hdr() *mail.Header {
	if h.header != nil {
		return h.header
	}
	return h.m.header
}

// HdrCount returns the number of header fields, 0 before the header is known.
func (h *host) HdrCount() int {
	if hd := h.hdr(); hd != nil {
		return hd.Len()
	}
	return 0
}

// HdrGet returns a part of field i.
func (h *host) HdrGet(i int, what sdk.Part) ([]byte, sdk.Errno) {
	hd := h.hdr()
	if hd == nil {
		return nil, sdk.ErrStage
	}
	if i < 0 || i >= hd.Len() {
		return nil, sdk.ErrNotFound
	}
	f := hd.Field(i)
	switch what {
	case sdk.PartName:
		return f.RawName(), sdk.OK
	case sdk.PartValue:
		h.buf = f.AppendValue(h.buf[:0])
		return h.buf, sdk.OK
	case sdk.PartRaw:
		return bytes.TrimSuffix(f.Raw(), []byte("\r\n")), sdk.OK
	}
	return nil, sdk.ErrInvalid
}

// HdrFind returns the first field with this name from index from on, or -1.
func (h *host) HdrFind(name string, from int) int {
	if hd := h.hdr(); hd != nil {
		return hd.Find(name, from)
	}
	return -1
}

func (h *host) recipients() []mail.Recipient {
	if h.edited {
		return h.rcpts
	}
	return h.m.env.Recipients
}

// RcptCount returns the number of envelope recipients so far.
func (h *host) RcptCount() int { return len(h.recipients()) }

// RcptGet returns a part of recipient i.
func (h *host) RcptGet(i int, what sdk.RcptPart) (string, sdk.Errno) {
	list := h.recipients()
	if i < 0 || i >= len(list) {
		return "", sdk.ErrNotFound
	}
	switch what {
	case sdk.RcptAddr:
		return list[i].Address, sdk.OK
	case sdk.RcptOriginal:
		return list[i].Original, sdk.OK
	case sdk.RcptParams:
		return rcptParams(&list[i]), sdk.OK
	}
	return "", sdk.ErrInvalid
}

func (h *host) restBody() (mail.Content, int64) {
	if h.done {
		return h.body.Content(), int64(len("\r\n"))
	}
	return h.m.rest, h.m.bodyOff
}

// BodySize returns the length of the body, -1 before eom.
func (h *host) BodySize() int64 {
	rest, off := h.restBody()
	if rest == nil {
		return -1
	}
	return rest.Size() - off
}

// BodyRead reads the body at an offset.
func (h *host) BodyRead(off int64, p []byte) (int, sdk.Errno) {
	rest, skip := h.restBody()
	if rest == nil {
		return 0, sdk.ErrStage
	}
	return readAt(rest, off, skip, p)
}

func readAt(c mail.Content, off, skip int64, p []byte) (int, sdk.Errno) {
	if off < 0 {
		return 0, sdk.ErrInvalid
	}
	if off >= c.Size()-skip || len(p) == 0 {
		return 0, sdk.OK
	}
	n, err := c.ReadAt(p, off+skip)
	if err != nil && err != io.EOF {
		return n, sdk.ErrIO
	}
	return n, sdk.OK
}

// MsgRead reads the message, header included, at an offset.
func (h *host) MsgRead(off int64, p []byte) (int, sdk.Errno) {
	rest, _ := h.restBody()
	if rest == nil || h.hdr() == nil {
		return 0, sdk.ErrStage
	}
	if h.head == nil {
		h.head = h.hdr().Bytes()
	}
	return readAt(mail.Joined{First: mail.Bytes(h.head), Second: rest}, off, 0, p)
}

// Reply sets the reply of the verdict.
func (h *host) Reply(code int, enhanced, text string) sdk.Errno {
	if code != 0 && (code < 200 || code > 599) {
		return sdk.ErrInvalid
	}
	if len(text) > 1000 {
		return sdk.ErrLimit
	}
	if enhanced != "" && (code == 0 || !status.ValidEnhanced(enhanced, code/100)) {
		return sdk.ErrInvalid
	}
	h.reply = status.Reply{Code: code, Enhanced: strings.Clone(enhanced), Text: status.Clean(strings.Clone(text))}
	return sdk.OK
}

// Config returns a value of the plugin's configuration.
func (h *host) Config(key string) (string, sdk.Errno) {
	if v, ok := h.p.Config[key]; ok {
		return v, sdk.OK
	}
	return "", sdk.ErrNotFound
}

// logLimit is the most bytes that one hook call may log.
const logLimit = 4 << 10

// Log writes a line, as long as the call's quota lasts.
func (h *host) Log(level sdk.Level, text string) {
	if level < sdk.LevelInfo || h.logged > logLimit {
		return
	}
	if h.logged += len(text) + 1; h.logged > logLimit {
		level, text = sdk.LevelWarn, "it logs too much: the rest of this call is dropped"
	}
	text = clean(text)
	if h.traced {
		h.lines = append(h.lines, text)
	}
	line := h.m.prefix() + "plugin " + h.p.name + ": " + text
	if level >= sdk.LevelWarn {
		h.m.sess.set.o.Log.Warning(line)
		return
	}
	h.m.sess.set.o.Log.Info(line)
}

// Now returns nanoseconds of a clock.
func (h *host) Now(clock int) int64 {
	set := h.m.sess.set
	if clock == 1 {
		return int64(set.o.Clock().Sub(set.begun))
	}
	return set.o.Clock().UnixNano()
}

// Random fills p.
func (h *host) Random(p []byte) { rand.Read(p) }

// StashGet returns what the plugin stashed.
func (h *host) StashGet(scope sdk.Scope, key string) ([]byte, sdk.Errno) {
	if s := h.stash(scope); s != nil {
		return s.get(h.p.index, key)
	}
	return nil, sdk.ErrInvalid
}

// StashSet stashes a copy of value.
func (h *host) StashSet(scope sdk.Scope, key string, value []byte) sdk.Errno {
	if s := h.stash(scope); s != nil {
		return s.set(h.p.index, key, value)
	}
	return sdk.ErrInvalid
}

func (h *host) stash(scope sdk.Scope) *stash {
	switch scope {
	case sdk.ScopeConnection:
		return &h.m.sess.stash
	case sdk.ScopeMessage:
		return &h.m.stash
	}
	return nil
}

// Counter adds to a counter of the plugin.
func (h *host) Counter(name string, delta int64) sdk.Errno {
	if !mail.ValidName(name) || len(name) > 64 || delta < 0 {
		return sdk.ErrInvalid
	}
	if count := h.m.sess.set.o.Count; count != nil {
		count(h.p.name, strings.Clone(name), delta)
	}
	return sdk.OK
}

// Feature reports what this host can do for this plugin.
func (h *host) Feature(name string) bool {
	switch name {
	case "abi1", "stash", "counter":
		return true
	}
	return h.p.Allow[name]
}

package serve

import (
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

const (
	// maxArguments is the most bytes of the strings of one function: more than any function takes.
	maxArguments = 3 * wire.MaxText
	// maxLine is the most bytes of a log line that are sent: the host's quota is smaller.
	maxLine = 8 << 10
	// flushAt is how many bytes wait at most for the next frame.
	flushAt = 16 << 10
)

// host is sdk.Host over a lane. One hook at a time uses it.
type host struct {
	s      *server
	stream grpc.BidiStreamingServer[wire.ToPlugin, wire.ToHost]
	// err is why the lane is of no more use.
	err error

	call  *wire.Call
	begun time.Time
	given map[string]*wire.Property
	// touched: the hook edited something, so that what was sent along is not true any more.
	touched bool
	// quiet: results are of no interest.
	quiet   bool
	waiting []*wire.Op // for the next frame
	size    int        // of waiting
	texts   [numTexts]window
}

var _ sdk.Host = (*host)(nil)

// begin takes the next call.
func (h *host) begin(c *wire.Call) {
	h.call, h.begun, h.touched, h.quiet = c, time.Now(), false, false
	h.waiting, h.size = nil, 0
	clear(h.given)
	if h.given == nil {
		h.given = map[string]*wire.Property{}
	}
	for _, p := range c.GetProperties() {
		h.given[p.GetName()] = p
	}
	h.texts = [numTexts]window{}
	if t := c.GetBody(); t != nil {
		h.texts[body] = window{valid: true, off: t.GetOffset(), data: t.GetData(), end: t.GetEnd()}
	}
}

// end sends what the hook decided.
func (h *host) end(d *wire.Done) error {
	d.Want = h.learned().news(h.point())
	return h.stream.Send(&wire.ToHost{Id: h.call.GetId(), Ops: h.waiting, Done: d})
}

func (h *host) point() sdk.Point { return sdk.Point(h.call.GetPoint()) }

// learned is what is known of this hook's reads. A point that this SDK does not know has a place of
// its own, for nobody.
func (h *host) learned() *learned {
	if p := h.point(); int(p) < sdk.NumPoints {
		return &h.s.learned[p]
	}
	return &learned{}
}

// tell calls a function whose result nobody waits for.
func (h *host) tell(op *wire.Op) {
	if h.waiting, h.size = append(h.waiting, op), h.size+len(op.P)+len(op.Q)+16; h.size > flushAt {
		last := h.waiting[len(h.waiting)-1]
		h.waiting = h.waiting[:len(h.waiting)-1]
		h.send(last)
	}
}

// ask calls a function and returns its answer.
func (h *host) ask(op *wire.Op) *wire.Answer {
	if len(op.P)+len(op.Q) > maxArguments {
		if op.Function == wire.Function_WORDS || op.Function == wire.Function_REGEXP {
			return &wire.Answer{Error: int32(sdk.ErrLimit)}
		}
		// Whatever it is, it is too much, and the host says so; unless it denies it.
		op.P, op.Q = op.P[:min(len(op.P), maxArguments/2)], op.Q[:min(len(op.Q), maxArguments/2)]
	}
	if h.quiet {
		h.tell(op)
		return &wire.Answer{}
	}
	return h.send(op)
}

func (h *host) send(op *wire.Op) *wire.Answer {
	lost := &wire.Answer{Error: int32(sdk.ErrIO)}
	if h.err != nil {
		return lost
	}
	h.err = h.stream.Send(&wire.ToHost{Id: h.call.GetId(), Ops: append(h.waiting, op)})
	h.waiting, h.size = nil, 0
	if h.err != nil {
		return lost
	}
	m, err := h.stream.Recv()
	if err != nil {
		h.err = err
		return lost
	}
	if m.GetAnswer() == nil {
		h.err = errors.New("the host sent no answer")
		return lost
	}
	return m.GetAnswer()
}

func (h *host) errno(op *wire.Op) sdk.Errno { return sdk.Errno(h.ask(op).GetError()) }

func (h *host) bytes(op *wire.Op) ([]byte, sdk.Errno) {
	a := h.ask(op)
	return a.GetValue(), sdk.Errno(a.GetError())
}

func (h *host) text(op *wire.Op) (string, sdk.Errno) {
	v, e := h.bytes(op)
	return string(v), e
}

func (h *host) number(op *wire.Op) int64 {
	a := h.ask(op)
	if a.GetError() != 0 {
		return int64(a.GetError())
	}
	return a.GetNumber()
}

// Get returns a property: one that was sent along, or asks.
func (h *host) Get(key string) (string, sdk.Errno) {
	if p := h.given[key]; p != nil && !h.touched {
		return string(p.GetValue()), sdk.Errno(p.GetError())
	}
	if !h.touched {
		h.learned().property(key)
	}
	return h.text(&wire.Op{Function: wire.Function_GET, P: []byte(key)})
}

// Set sets an answer.
func (h *host) Set(key, value string) sdk.Errno {
	return h.errno(&wire.Op{Function: wire.Function_SET, P: []byte(key), Q: []byte(value)})
}

// fields is the header that was sent along; not ok when it is to be asked for.
func (h *host) fields() ([]*wire.Field, bool) {
	hd := h.call.GetHeader()
	if hd != nil && !h.touched {
		return hd.GetFields(), true
	}
	if l := h.learned(); !h.touched {
		l.flag(&l.header)
	}
	return nil, false
}

// HdrCount returns the number of header fields.
func (h *host) HdrCount() int {
	if f, ok := h.fields(); ok {
		return len(f)
	}
	return int(h.number(&wire.Op{Function: wire.Function_HDR_COUNT}))
}

// HdrGet returns a part of field i.
func (h *host) HdrGet(i int, what sdk.Part) ([]byte, sdk.Errno) {
	if what == sdk.PartName || what == sdk.PartValue {
		if f, ok := h.fields(); ok {
			switch {
			case i < 0 || i >= len(f):
				return nil, sdk.ErrNotFound
			case what == sdk.PartName:
				return f[i].GetName(), sdk.OK
			}
			return f[i].GetValue(), sdk.OK
		}
	}
	return h.field(i, what)
}

// field asks for a part of a field, piece by piece.
func (h *host) field(i int, what sdk.Part) ([]byte, sdk.Errno) {
	var v []byte
	for {
		a := h.ask(&wire.Op{Function: wire.Function_HDR_GET, I: int64(i), J: int64(what), K: int64(len(v))})
		if a.GetError() != 0 {
			return nil, sdk.Errno(a.GetError())
		}
		if v = append(v, a.GetValue()...); len(a.GetValue()) == 0 || int64(len(v)) >= a.GetEnd() {
			return v, sdk.OK
		}
	}
}

// HdrFind returns the first field with this name from index from on, or -1.
func (h *host) HdrFind(name string, from int) int {
	f, ok := h.fields()
	if !ok {
		return int(h.number(&wire.Op{Function: wire.Function_HDR_FIND, P: []byte(name), I: int64(from)}))
	}
	for i := max(from, 0); i < len(f); i++ {
		if n := f[i].GetName(); len(n) == len(name) && strings.EqualFold(string(n), name) {
			return i
		}
	}
	return -1
}

// recipients is the list that was sent along; not ok when it is to be asked for.
func (h *host) recipients() ([]*wire.Recipient, bool) {
	r := h.call.GetRecipients()
	if r != nil && !h.touched {
		return r.GetList(), true
	}
	if l := h.learned(); !h.touched {
		l.flag(&l.recipients)
	}
	return nil, false
}

// RcptCount returns the number of envelope recipients.
func (h *host) RcptCount() int {
	if r, ok := h.recipients(); ok {
		return len(r)
	}
	return int(h.number(&wire.Op{Function: wire.Function_RCPT_COUNT}))
}

// RcptGet returns a part of recipient i.
func (h *host) RcptGet(i int, what sdk.RcptPart) (string, sdk.Errno) {
	r, ok := h.recipients()
	if !ok {
		return h.text(&wire.Op{Function: wire.Function_RCPT_GET, I: int64(i), J: int64(what)})
	}
	if i < 0 || i >= len(r) {
		return "", sdk.ErrNotFound
	}
	switch what {
	case sdk.RcptAddr:
		return string(r[i].GetAddress()), sdk.OK
	case sdk.RcptOriginal:
		return string(r[i].GetOriginal()), sdk.OK
	case sdk.RcptParams:
		return string(r[i].GetParams()), sdk.OK
	}
	return "", sdk.ErrInvalid
}

// Reply sets the reply of the verdict.
func (h *host) Reply(code int, enhanced, text string) sdk.Errno {
	return h.errno(&wire.Op{Function: wire.Function_REPLY, I: int64(code), P: []byte(enhanced), Q: []byte(text)})
}

// Config returns a value of the plugin's configuration.
func (h *host) Config(key string) (string, sdk.Errno) { return h.s.setting(key) }

func (s *server) setting(key string) (string, sdk.Errno) {
	if v, ok := s.config[key]; ok {
		return v, sdk.OK
	}
	return "", sdk.ErrNotFound
}

// Log writes a line to the mail log.
func (h *host) Log(level sdk.Level, text string) {
	h.tell(&wire.Op{Function: wire.Function_LOG, I: int64(level), P: []byte(text[:min(len(text), maxLine)])})
}

// Now returns the host's clocks, which this process carries on from the begin of the call.
func (h *host) Now(clock int) int64 {
	at := h.call.GetRealtimeNanos()
	if clock == 1 {
		at = h.call.GetMonotonicNanos()
	}
	return at + int64(time.Since(h.begun))
}

// Random fills p.
func (h *host) Random(p []byte) { rand.Read(p) }

// StashGet returns what was stashed.
func (h *host) StashGet(scope sdk.Scope, key string) ([]byte, sdk.Errno) {
	return h.bytes(&wire.Op{Function: wire.Function_STASH_GET, I: int64(scope), P: []byte(key)})
}

// StashSet stashes a value.
func (h *host) StashSet(scope sdk.Scope, key string, value []byte) sdk.Errno {
	return h.errno(&wire.Op{Function: wire.Function_STASH_SET, I: int64(scope), P: []byte(key), Q: value})
}

// Counter adds to a counter. It goes with the next frame, so its name is looked at here.
func (h *host) Counter(name string, delta int64) sdk.Errno {
	if name == "" || len(name) > 64 || delta < 0 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }) {
		return sdk.ErrInvalid
	}
	h.tell(&wire.Op{Function: wire.Function_COUNTER, P: []byte(name), I: delta})
	return sdk.OK
}

// Feature reports what the host can do for this plugin.
func (h *host) Feature(name string) bool { return h.s.features[name] }

package sdktest

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// Limits of docs/abi.md.
const (
	maxArgument = 1000
	maxValue    = 64 << 10
	maxLog      = 4 << 10
	maxEdits    = 10_000
	maxRcpts    = 1000
	maxHeader   = 2 << 20
	maxStash    = 64 << 10
	chunkSize   = 64 << 10
)

// host is sdk.Host over a World: one hook call.
type host struct {
	p     *player
	pt    sdk.Point
	w     *World // as the hook sees it, its edits included
	out   *Outcome
	scan  Scanner
	match *sdk.Match

	msg    []byte // the whole message, made when it is asked for
	body   []byte // being written
	open   bool
	edits  int
	logged int
}

var _ sdk.Host = (*host)(nil)

// Get returns a property.
func (h *host) Get(key string) (string, sdk.Errno) {
	v, ok := h.property(key)
	if !ok || v == "" && key != "mail.from" {
		return "", sdk.ErrNotFound
	}
	return v, sdk.OK
}

func (h *host) property(key string) (string, bool) {
	switch key {
	case "plugin.name":
		return h.p.sc.Setup.Name, true
	case "point":
		return h.pt.String(), true
	case "mail.from":
		return h.w.Sender, h.pt >= sdk.PointMail && h.pt != sdk.PointLookup
	case "scan.match", "scan.end":
		if h.match == nil {
			return "", false
		}
		return map[string]string{"scan.match": h.match.Found, "scan.end": strconv.FormatInt(h.match.End, 10)}[key], true
	case "mime.count":
		s, e := h.scanner(sdk.TextPart)
		if e != sdk.OK {
			return "", false
		}
		return strconv.Itoa(s.Count()), true
	}
	v, ok := h.w.Props[key]
	return v, ok
}

// answersOf are the properties that a hook of a point can set.
var answersOf = map[string]sdk.Point{"rewrite.result": sdk.PointRewrite, "lookup.value": sdk.PointLookup,
	"route.transport": sdk.PointRoute, "route.nexthop": sdk.PointRoute, "deliver.relay": sdk.PointDeliver}

// Set takes an answer.
func (h *host) Set(key, value string) sdk.Errno {
	if len(value) > maxArgument && (key != "lookup.value" || len(value) > maxValue) {
		return sdk.ErrLimit
	}
	pt, ok := answersOf[key]
	beside := key == "action.filter" && sdk.ActFilter.AllowedAt(h.pt) || key == "action.redirect" && sdk.ActRedirect.AllowedAt(h.pt)
	if key != "action.arg" && !beside && (!ok || pt != h.pt) {
		return sdk.ErrNotFound
	}
	value = strings.Clone(value)
	if key != "rewrite.result" && key != "lookup.value" {
		value = clean(value)
	}
	h.out.Answers[strings.Clone(key)] = value
	return sdk.OK
}

// HdrCount returns the number of fields.
func (h *host) HdrCount() int { return len(h.w.Fields) }

// HdrGet returns a part of field i.
func (h *host) HdrGet(i int, what sdk.Part) ([]byte, sdk.Errno) {
	switch {
	case h.w.Fields == nil:
		return nil, sdk.ErrStage
	case i < 0 || i >= len(h.w.Fields):
		return nil, sdk.ErrNotFound
	}
	return part(h.w.Fields[i], what)
}

// HdrFind returns the first field with this name, or -1.
func (h *host) HdrFind(name string, from int) int {
	for i := max(from, 0); i < len(h.w.Fields); i++ {
		if f := h.w.Fields[i]; strings.EqualFold(string(f[:nameLen(f)]), name) {
			return i
		}
	}
	return -1
}

// RcptCount returns the number of recipients so far.
func (h *host) RcptCount() int { return len(h.w.Rcpts) }

// RcptGet returns a part of recipient i.
func (h *host) RcptGet(i int, what sdk.RcptPart) (string, sdk.Errno) {
	if i < 0 || i >= len(h.w.Rcpts) {
		return "", sdk.ErrNotFound
	}
	switch r := h.w.Rcpts[i]; what {
	case sdk.RcptAddr:
		return r.Addr, sdk.OK
	case sdk.RcptOriginal:
		return r.Given, sdk.OK
	case sdk.RcptParams:
		return r.Params, sdk.OK
	}
	return "", sdk.ErrInvalid
}

// BodySize returns the length of the body, -1 before it is known.
func (h *host) BodySize() int64 {
	if !h.w.HasBody {
		return -1
	}
	return int64(len(h.w.Body))
}

// BodyRead reads the body.
func (h *host) BodyRead(off int64, p []byte) (int, sdk.Errno) {
	if !h.w.HasBody {
		return 0, sdk.ErrStage
	}
	return readAt(h.w.Body, off, p)
}

// MsgRead reads the message.
func (h *host) MsgRead(off int64, p []byte) (int, sdk.Errno) {
	if !h.w.HasBody || h.w.Fields == nil {
		return 0, sdk.ErrStage
	}
	if h.msg == nil {
		h.msg = append(append(h.w.header(), "\r\n"...), h.w.Body...)
	}
	return readAt(h.msg, off, p)
}

func readAt(text []byte, off int64, p []byte) (int, sdk.Errno) {
	if off < 0 {
		return 0, sdk.ErrInvalid
	}
	if off >= int64(len(text)) {
		return 0, sdk.OK
	}
	return copy(p, text[off:]), sdk.OK
}

// Reply sets the reply of the verdict.
func (h *host) Reply(code int, enhanced, text string) sdk.Errno {
	switch {
	case code != 0 && (code < 200 || code > 599):
		return sdk.ErrInvalid
	case len(text) > maxArgument:
		return sdk.ErrLimit
	case enhanced != "" && (code == 0 || !validEnhanced(enhanced, code/100)):
		return sdk.ErrInvalid
	}
	h.out.Code, h.out.Enhanced, h.out.Text = code, strings.Clone(enhanced), clean(text)
	return sdk.OK
}

// validEnhanced reports whether s is an enhanced code of a class (RFC 3463 §2).
func validEnhanced(s string, class int) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] != strconv.Itoa(class) || class != 2 && class != 4 && class != 5 {
		return false
	}
	for _, d := range parts[1:] {
		if len(d) < 1 || len(d) > 3 || strings.Trim(d, "0123456789") != "" {
			return false
		}
	}
	return true
}

// Config returns a value of the configuration.
func (h *host) Config(key string) (string, sdk.Errno) {
	if v, ok := h.p.sc.Setup.Config[key]; ok {
		return v, sdk.OK
	}
	return "", sdk.ErrNotFound
}

// Log keeps a line.
func (h *host) Log(level sdk.Level, text string) {
	if level < sdk.LevelInfo || h.logged > maxLog {
		return
	}
	if h.logged += len(text) + 1; h.logged > maxLog {
		level, text = sdk.LevelWarn, "it logs too much: the rest of this call is dropped"
	}
	h.out.Logs = append(h.out.Logs, LogLine{min(level, sdk.LevelError), clean(text)})
}

// Now returns the transcript's time.
func (h *host) Now(clock int) int64 {
	if clock == 1 {
		return int64(h.p.now.Sub(h.p.sc.Setup.Time))
	}
	return h.p.now.UnixNano()
}

// Random fills p with the bytes that every run of the transcript has.
func (h *host) Random(p []byte) {
	r := rand.New(rand.NewPCG(1, uint64(h.p.calls)))
	for i := range p {
		p[i] = byte(r.Uint32())
	}
}

// StashGet returns a stashed value.
func (h *host) StashGet(scope sdk.Scope, key string) ([]byte, sdk.Errno) {
	if scope != sdk.ScopeConnection && scope != sdk.ScopeMessage {
		return nil, sdk.ErrInvalid
	}
	if v, ok := h.p.stash[scope][key]; ok {
		return v, sdk.OK
	}
	return nil, sdk.ErrNotFound
}

// StashSet stashes a value.
func (h *host) StashSet(scope sdk.Scope, key string, value []byte) sdk.Errno {
	if scope != sdk.ScopeConnection && scope != sdk.ScopeMessage {
		return sdk.ErrInvalid
	}
	s, size := h.p.stash[scope], len(value)
	if _, ok := s[key]; !ok {
		size += len(key) + 32
	}
	for k, v := range s {
		if size += len(k) + 32; k != key {
			size += len(v)
		}
	}
	if size > maxStash {
		return sdk.ErrLimit
	}
	s[strings.Clone(key)] = append([]byte(nil), value...)
	return sdk.OK
}

// Counter adds to a counter.
func (h *host) Counter(name string, delta int64) sdk.Errno {
	if !validName(name) || len(name) > 64 || delta < 0 {
		return sdk.ErrInvalid
	}
	h.out.Counters[strings.Clone(name)] += delta
	return sdk.OK
}

// Feature reports what the host can do.
func (h *host) Feature(name string) bool {
	return name == "abi1" || name == "stash" || name == "counter" || h.p.allow[name]
}

// plausible reports whether s can be an envelope address.
func plausible(s string) bool {
	if s == "" || len(s) > 320 {
		return false
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			return false
		case quoted && c == '\\':
			if i++; i == len(s) || s[i] < ' ' || s[i] == 0x7f {
				return false
			}
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '<' || c == '>'):
			return false
		}
	}
	return !quoted
}

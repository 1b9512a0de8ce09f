package process

import (
	"math"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// serve calls a function of the host.
func (l *lane) serve(h sdk.Host, op *wire.Op) *wire.Answer {
	i, p, q := whole(op.GetI()), string(op.GetP()), op.GetQ()
	switch op.GetFunction() {
	case wire.Function_GET:
		return text(h.Get(p))
	case wire.Function_SET:
		return errno(h.Set(p, string(q)))
	case wire.Function_HDR_COUNT:
		return number64(int64(h.HdrCount()))
	case wire.Function_HDR_GET:
		return piece(op.GetK())(h.HdrGet(i, sdk.Part(whole(op.GetJ()))))
	case wire.Function_HDR_FIND:
		return number64(int64(h.HdrFind(p, i)))
	case wire.Function_RCPT_COUNT:
		return number64(int64(h.RcptCount()))
	case wire.Function_RCPT_GET:
		return text(h.RcptGet(i, sdk.RcptPart(whole(op.GetJ()))))
	case wire.Function_BODY_SIZE:
		return number64(h.BodySize())
	case wire.Function_BODY_READ:
		return l.read64(op.GetI(), op.GetJ(), h.BodyRead)
	case wire.Function_MSG_READ:
		return l.read64(op.GetI(), op.GetJ(), h.MsgRead)
	case wire.Function_MIME_READ:
		return l.read64(op.GetJ(), op.GetK(), func(off int64, b []byte) (int, sdk.Errno) { return h.MIMERead(i, off, b) })
	case wire.Function_REPLY:
		return errno(h.Reply(i, p, string(q)))
	case wire.Function_LOG:
		h.Log(sdk.Level(i), p)
		return &wire.Answer{}
	case wire.Function_STASH_GET:
		return value(h.StashGet(sdk.Scope(i), p))
	case wire.Function_STASH_SET:
		return errno(h.StashSet(sdk.Scope(i), p, q))
	case wire.Function_COUNTER:
		return errno(h.Counter(p, op.GetI()))
	}
	return l.change(h, op, i, p)
}

// change serves the functions that edit.
func (l *lane) change(h sdk.Host, op *wire.Op, i int, p string) *wire.Answer {
	switch op.GetFunction() {
	case wire.Function_HDR_ADD:
		return errno(h.HdrAdd(p, string(op.GetQ()), i))
	case wire.Function_HDR_SET:
		return errno(h.HdrSet(i, p))
	case wire.Function_HDR_DEL:
		return errno(h.HdrDel(i))
	case wire.Function_BODY_BEGIN:
		return errno(h.BodyBegin())
	case wire.Function_BODY_WRITE:
		return errno(h.BodyWrite(op.GetP()))
	case wire.Function_BODY_END:
		return errno(h.BodyEnd())
	case wire.Function_ENV_FROM:
		return errno(h.EnvFrom(p))
	case wire.Function_RCPT_ADD:
		return errno(h.RcptAdd(p, i))
	case wire.Function_RCPT_DEL:
		return errno(h.RcptDel(i))
	}
	return l.service(h, op, i, p)
}

// service serves the functions that need a capability.
func (l *lane) service(h sdk.Host, op *wire.Op, i int, p string) *wire.Answer {
	j := whole(op.GetJ())
	switch op.GetFunction() {
	case wire.Function_MAP_GET:
		return text(h.MapGet(p, string(op.GetQ())))
	case wire.Function_KV_GET:
		return value(h.KVGet(p))
	case wire.Function_KV_SET:
		return errno(h.KVSet(p, op.GetQ(), i))
	case wire.Function_KV_INCR:
		n, e := h.KVIncr(p, op.GetI(), j)
		return &wire.Answer{Number: n, Error: int32(e)}
	case wire.Function_KV_DEL:
		return errno(h.KVDel(p))
	case wire.Function_DNS:
		if i < 0 || i > math.MaxUint16 {
			return errno(sdk.ErrInvalid)
		}
		return text(h.DNS(sdk.DNSType(i), p))
	case wire.Function_WORDS:
		return match(h.Words(p, sdk.Text(i), op.GetJ()))
	case wire.Function_REGEXP:
		return match(h.Regexp(p, sdk.Text(i), op.GetJ()))
	case wire.Function_HASH:
		return text(h.Hash(sdk.HashAlg(i), sdk.Text(j)))
	case wire.Function_MIME_PART:
		return text(h.MIMEPart(i, sdk.MIMEInfo(j)))
	case wire.Function_RCPT_STATUS:
		return errno(h.RcptStatus(i, j, p, string(op.GetQ())))
	}
	return errno(sdk.ErrUnsup)
}

// whole is a number of the protocol as an ABI's 32-bit one: what does not fit is out of every range.
func whole(n int64) int {
	if n < math.MinInt32 || n > math.MaxInt32 {
		return math.MinInt32
	}
	return int(n)
}

// read64 reads n bytes of a text into the lane's buffer.
func (l *lane) read64(off, n int64, from func(int64, []byte) (int, sdk.Errno)) *wire.Answer {
	if n < 0 {
		return errno(sdk.ErrInvalid)
	}
	n = min(n, wire.MaxText)
	if int64(cap(l.buf)) < n {
		l.buf = make([]byte, n)
	}
	k, e := from(off, l.buf[:n])
	return &wire.Answer{Value: l.buf[:k], Error: int32(e)}
}

func errno(e sdk.Errno) *wire.Answer { return &wire.Answer{Error: int32(e)} }

func number64(n int64) *wire.Answer { return &wire.Answer{Number: n} }

func text(v string, e sdk.Errno) *wire.Answer { return value([]byte(v), e) }

// value is a slice that is valid until the host's next call: it is sent before.
func value(v []byte, e sdk.Errno) *wire.Answer {
	if len(v) > 2*wire.MaxText {
		return errno(sdk.ErrLimit)
	}
	return &wire.Answer{Value: v, Error: int32(e)}
}

// piece is what a value has from offset off on.
func piece(off int64) func([]byte, sdk.Errno) *wire.Answer {
	return func(v []byte, e sdk.Errno) *wire.Answer {
		if off < 0 || off > int64(len(v)) {
			return errno(sdk.ErrInvalid)
		}
		rest := v[off:]
		return &wire.Answer{Value: rest[:min(len(rest), wire.MaxText)], End: int64(len(v)), Error: int32(e)}
	}
}

func match(m sdk.Match, e sdk.Errno) *wire.Answer {
	return &wire.Answer{Number: m.Begin, End: m.End, Value: []byte(m.Found), Error: int32(e)}
}

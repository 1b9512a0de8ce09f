package serve

import (
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// edit asks for a change. What was sent along with the call is not true any more then.
func (h *host) edit(op *wire.Op) sdk.Errno {
	h.touched, h.texts = true, [numTexts]window{}
	return h.errno(op)
}

// HdrAdd inserts a field.
func (h *host) HdrAdd(name, value string, pos int) sdk.Errno {
	return h.edit(&wire.Op{Function: wire.Function_HDR_ADD, P: []byte(name), Q: []byte(value), I: int64(pos)})
}

// HdrSet gives field i another value.
func (h *host) HdrSet(i int, value string) sdk.Errno {
	return h.edit(&wire.Op{Function: wire.Function_HDR_SET, I: int64(i), P: []byte(value)})
}

// HdrDel removes field i.
func (h *host) HdrDel(i int) sdk.Errno {
	return h.edit(&wire.Op{Function: wire.Function_HDR_DEL, I: int64(i)})
}

// BodyBegin starts a new body.
func (h *host) BodyBegin() sdk.Errno { return h.edit(&wire.Op{Function: wire.Function_BODY_BEGIN}) }

// BodyWrite appends to the new body, in pieces that fit into a frame.
func (h *host) BodyWrite(p []byte) sdk.Errno {
	for {
		n := min(len(p), wire.MaxText)
		if e := h.errno(&wire.Op{Function: wire.Function_BODY_WRITE, P: p[:n]}); e != sdk.OK || n == len(p) {
			return e
		}
		p = p[n:]
	}
}

// BodyEnd makes what was written the body.
func (h *host) BodyEnd() sdk.Errno { return h.edit(&wire.Op{Function: wire.Function_BODY_END}) }

// EnvFrom changes the envelope sender.
func (h *host) EnvFrom(address string) sdk.Errno {
	return h.edit(&wire.Op{Function: wire.Function_ENV_FROM, P: []byte(address)})
}

// RcptAdd adds an envelope recipient.
func (h *host) RcptAdd(address string, flags int) sdk.Errno {
	return h.edit(&wire.Op{Function: wire.Function_RCPT_ADD, P: []byte(address), I: int64(flags)})
}

// RcptDel removes an envelope recipient.
func (h *host) RcptDel(i int) sdk.Errno {
	return h.edit(&wire.Op{Function: wire.Function_RCPT_DEL, I: int64(i)})
}

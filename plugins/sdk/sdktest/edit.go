package sdktest

import (
	"slices"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// editable says whether the plugin may edit here.
func (h *host) editable() sdk.Errno {
	h.edits++
	switch {
	case !h.p.allow[sdk.CapEdit]:
		return sdk.ErrDenied
	case h.pt != sdk.PointHeaders && h.pt != sdk.PointEOM || h.w.Fields == nil:
		return sdk.ErrStage
	case h.edits > maxEdits:
		return sdk.ErrLimit
	}
	h.scan, h.msg = nil, nil
	return sdk.OK
}

func checkField(name, value string) sdk.Errno {
	switch {
	case !validName(name) || strings.IndexByte(value, 0) >= 0:
		return sdk.ErrInvalid
	case len(value) > maxValue:
		return sdk.ErrLimit
	}
	return sdk.OK
}

// HdrAdd inserts a field.
func (h *host) HdrAdd(name, value string, pos int) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if e := checkField(name, value); e != sdk.OK {
		return e
	}
	size := len(name) + len(value)
	for _, f := range h.w.Fields {
		size += len(f)
	}
	if size > maxHeader {
		return sdk.ErrLimit
	}
	if pos < 0 || pos > len(h.w.Fields) {
		pos = len(h.w.Fields)
	}
	h.w.Fields = slices.Insert(h.w.Fields, pos, newField(name, value))
	return sdk.OK
}

// HdrSet changes a field.
func (h *host) HdrSet(i int, value string) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if i < 0 || i >= len(h.w.Fields) {
		return sdk.ErrNotFound
	}
	f := h.w.Fields[i]
	name := string(f[:nameLen(f)])
	if e := checkField(name, value); e != sdk.OK {
		return e
	}
	h.w.Fields[i] = newField(name, value)
	return sdk.OK
}

// HdrDel removes a field.
func (h *host) HdrDel(i int) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if i < 0 || i >= len(h.w.Fields) {
		return sdk.ErrNotFound
	}
	h.w.Fields = slices.Delete(h.w.Fields, i, i+1)
	return sdk.OK
}

// BodyBegin starts a new body.
func (h *host) BodyBegin() sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if h.pt != sdk.PointEOM {
		return sdk.ErrStage
	}
	h.body, h.open = []byte{}, true
	return sdk.OK
}

// BodyWrite appends to it.
func (h *host) BodyWrite(p []byte) sdk.Errno {
	switch {
	case !h.open:
		return sdk.ErrStage
	case len(h.body)+len(p) > maxText:
		return sdk.ErrLimit
	}
	h.body = append(h.body, p...)
	return sdk.OK
}

// BodyEnd makes it the body.
func (h *host) BodyEnd() sdk.Errno {
	if !h.open {
		return sdk.ErrStage
	}
	h.w.Body, h.open, h.scan, h.msg = normalize(h.body), false, nil, nil
	return sdk.OK
}

// EnvFrom changes the sender.
func (h *host) EnvFrom(address string) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if address != "" && !plausible(address) {
		return sdk.ErrInvalid
	}
	h.w.Sender = strings.Clone(address)
	return sdk.OK
}

// RcptAdd adds a recipient.
func (h *host) RcptAdd(address string, flags int) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if flags != 0 || !plausible(address) {
		return sdk.ErrInvalid
	}
	if len(h.w.Rcpts) >= h.p.rcpts+maxRcpts {
		return sdk.ErrLimit
	}
	a := strings.Clone(address)
	h.w.Rcpts = append(h.w.Rcpts, Rcpt{Addr: a, Given: a})
	return sdk.OK
}

// RcptDel removes recipient i.
func (h *host) RcptDel(i int) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if i < 0 || i >= len(h.w.Rcpts) {
		return sdk.ErrNotFound
	}
	h.w.Rcpts = slices.Delete(h.w.Rcpts, i, i+1)
	return sdk.OK
}

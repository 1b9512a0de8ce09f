package hook

import (
	"slices"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/plugins/sdk"
)

// Limits of what one hook may add.
const (
	maxAddedRecipients = 1000
	maxFieldSize       = 64 << 10
	// maxEdits is how many edits one hook may make; writes to a new body are not counted, its
	// bytes are (Options.MaxBody).
	maxEdits = 10_000
)

// editable says whether the plugin may edit here, and counts the edit.
func (h *host) editable() sdk.Errno {
	h.edits++
	switch {
	case !h.p.Allow[sdk.CapEdit]:
		return sdk.ErrDenied
	case h.pt != sdk.PointHeaders && h.pt != sdk.PointEOM || h.m.header == nil:
		return sdk.ErrStage
	case h.edits > maxEdits:
		return sdk.ErrLimit
	}
	return sdk.OK
}

// edit returns the header copy to edit.
func (h *host) edit() *mail.Header {
	if h.header == nil {
		h.header = h.m.header.Clone()
	}
	h.head, h.scan = nil, nil
	return h.header
}

// HdrAdd inserts a field.
func (h *host) HdrAdd(name, value string, pos int) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if e := checkField(name, value); e != sdk.OK {
		return e
	}
	hd := h.edit()
	if hd.Size()+len(name)+len(value) > mail.HeaderLimit {
		return sdk.ErrLimit
	}
	hd.Insert(pos, mail.NewField(name, value))
	return sdk.OK
}

// checkField refuses what could not be a field. Line ends in a value are made folding by
// mail.NewField, so that they cannot add a field.
func checkField(name, value string) sdk.Errno {
	switch {
	case !mail.ValidName(name) || strings.IndexByte(value, 0) >= 0:
		return sdk.ErrInvalid
	case len(value) > maxFieldSize:
		return sdk.ErrLimit
	}
	return sdk.OK
}

// HdrSet gives field i another value.
func (h *host) HdrSet(i int, value string) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if i < 0 || i >= h.hdr().Len() {
		return sdk.ErrNotFound
	}
	name := h.hdr().Field(i).Name()
	if e := checkField(name, value); e != sdk.OK {
		return e
	}
	h.edit().Replace(i, mail.NewField(name, value))
	return sdk.OK
}

// HdrDel removes field i.
func (h *host) HdrDel(i int) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if i < 0 || i >= h.hdr().Len() {
		return sdk.ErrNotFound
	}
	h.edit().Delete(i)
	return sdk.OK
}

// BodyBegin starts a new body.
func (h *host) BodyBegin() sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if h.pt != sdk.PointEOM || h.m.fork == nil {
		return sdk.ErrStage
	}
	h.drop()
	h.body, h.done, h.written = h.m.fork(), false, 0
	h.text = mail.NewNormalizer(h.body)
	if _, err := h.body.Write([]byte("\r\n")); err != nil {
		return sdk.ErrIO
	}
	return sdk.OK
}

// BodyWrite appends to the new body; line ends are brought to wire form.
func (h *host) BodyWrite(p []byte) sdk.Errno {
	if h.body == nil || h.done {
		return sdk.ErrStage
	}
	if limit := h.m.sess.set.o.MaxBody; limit > 0 && h.written+int64(len(p)) > limit {
		return sdk.ErrLimit
	}
	h.written += int64(len(p))
	if _, err := h.text.Write(p); err != nil {
		return sdk.ErrIO
	}
	return sdk.OK
}

// BodyEnd makes what was written the body; it ends with a line end.
func (h *host) BodyEnd() sdk.Errno {
	if h.body == nil || h.done {
		return sdk.ErrStage
	}
	if err := h.text.Close(); err != nil {
		return sdk.ErrIO
	}
	h.done, h.scan = true, nil
	return sdk.OK
}

// EnvFrom changes the envelope sender.
func (h *host) EnvFrom(address string) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if address != "" && !plausible(address) {
		return sdk.ErrInvalid
	}
	s := strings.Clone(address)
	h.sender = &s
	return sdk.OK
}

// RcptAdd adds an envelope recipient.
func (h *host) RcptAdd(address string, flags int) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if flags != 0 || !plausible(address) {
		return sdk.ErrInvalid
	}
	if len(h.recipients()) >= len(h.m.env.Recipients)+maxAddedRecipients {
		return sdk.ErrLimit
	}
	a := strings.Clone(address)
	h.editRcpts()
	h.rcpts = append(h.rcpts, mail.Recipient{Address: a, Original: a})
	return sdk.OK
}

// RcptDel removes envelope recipient i.
func (h *host) RcptDel(i int) sdk.Errno {
	if e := h.editable(); e != sdk.OK {
		return e
	}
	if i < 0 || i >= len(h.recipients()) {
		return sdk.ErrNotFound
	}
	h.editRcpts()
	h.rcpts = slices.Delete(h.rcpts, i, i+1)
	return sdk.OK
}

func (h *host) editRcpts() {
	if !h.edited {
		h.rcpts, h.edited = slices.Clone(h.m.env.Recipients), true
	}
}

// plausible reports whether s can be an envelope address: short enough, no control byte, no
// space outside quotes, no angle bracket.
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

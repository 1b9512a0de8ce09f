package cleanup

import (
	"slices"
	"unicode/utf8"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
)

// detectUTF8 makes the message one with SMTPUTF8 when it needs that and is of a kind of which nobody
// could say so (postconf(5) smtputf8_autodetect_classes).
func (j *Job) detectUTF8() {
	if env := j.env; !env.SMTPUTF8 && len(j.d.o.DetectUTF8) > 0 && j.detects(&env.Origin) {
		env.SMTPUTF8 = needsUTF8(env, j.header)
	}
}

// detects reports whether mail of an origin is looked at.
func (j *Job) detects(o *mail.Origin) bool {
	class := map[mail.Kind]string{mail.KindSMTP: "smtpd", mail.KindSendmail: "sendmail", mail.KindForward: "forward",
		mail.KindBounce: "bounce", mail.KindVerify: "verify"}[o.Kind]
	if o.Kind == mail.KindBounce && o.Service == "notify" {
		class = "notify"
	}
	return slices.Contains(j.d.o.DetectUTF8, class) || slices.Contains(j.d.o.DetectUTF8, "all")
}

// needsUTF8 reports whether an address or the header has UTF-8. What is 8-bit and not UTF-8 is nothing
// that SMTPUTF8 could carry.
func needsUTF8(env *mail.Envelope, h *mail.Header) bool {
	need, valid := !addr.IsASCII(env.Sender), true
	for i := range env.Recipients {
		need = need || !addr.IsASCII(env.Recipients[i].Address)
	}
	for i := range h.Len() {
		raw := h.Field(i).Raw()
		for _, c := range raw {
			if c >= utf8.RuneSelf {
				need, valid = true, valid && utf8.Valid(raw)
				break
			}
		}
	}
	return need && valid
}

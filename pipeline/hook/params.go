package hook

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
)

// MailParams writes the parameters of MAIL that an envelope has, as they came: SIZE (when size is
// not 0), BODY, SMTPUTF8, RET, ENVID, AUTH.
func MailParams(env *mail.Envelope, size int64) string {
	var words []string
	if size > 0 {
		words = append(words, "SIZE="+strconv.FormatInt(size, 10))
	}
	switch env.Body {
	case mail.Body7Bit:
		words = append(words, "BODY=7BIT")
	case mail.Body8BitMIME:
		words = append(words, "BODY=8BITMIME")
	case mail.BodyBinaryMIME:
		words = append(words, "BODY=BINARYMIME")
	}
	if env.SMTPUTF8 {
		words = append(words, "SMTPUTF8")
	}
	switch env.Ret {
	case mail.RetFull:
		words = append(words, "RET=FULL")
	case mail.RetHeaders:
		words = append(words, "RET=HDRS")
	}
	if env.EnvID != "" {
		words = append(words, "ENVID="+env.EnvID)
	}
	if env.VERP != "" {
		words = append(words, "XVERP="+env.VERP)
	}
	if a := env.Origin.SASLSender; a != "" {
		words = append(words, "AUTH="+xtext(a))
	}
	return strings.Join(words, " ")
}

// xtext encodes an address for a parameter (RFC 3461 §4); "<>" is itself there (RFC 4954 §5).
func xtext(s string) string {
	if s == "<>" {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

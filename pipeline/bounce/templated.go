package bounce

import (
	"mime"
	"regexp"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/pipeline/bounce/template"
)

// template is the name of the kind's text in bounce_template_file.
func (k kind) template() string {
	return [...]string{template.Failure, template.Delay, template.Success, template.Verify}[k]
}

// subject is the administrator's, or else the usual one.
func (nt *notice) subject() string {
	text := ""
	if nt.template != nil {
		if text = nt.template.Subject; nt.postmaster {
			text = nt.template.PostmasterSubject
		}
	}
	if text == "" {
		return nt.kind.subject(nt.postmaster)
	}
	return encodedWords(text)
}

// oldFrom is a From as Postfix's templates have it: an address with a comment.
var oldFrom = regexp.MustCompile(`^([^\s()<>@"]+(?:@[^\s()<>@"]+)?)\s*\(([^()]*)\)$`)

// fromField is the From of the notice. An address without a domain gets ours.
func (nt *notice) fromField() string {
	usual := "Mail Delivery System <MAILER-DAEMON@" + nt.origin + ">"
	if nt.template == nil || nt.template.From == "" {
		return usual
	}
	m := oldFrom.FindStringSubmatch(nt.template.From)
	if m == nil {
		return encodedWords(nt.template.From)
	}
	address := m[1]
	if _, _, qualified := addr.Split(address); !qualified {
		address += "@" + nt.origin
	}
	return strings.TrimSpace(encodedWords(m[2]) + " <" + address + ">")
}

// encodedWords writes text that is not ASCII as RFC 2047 wants it.
func encodedWords(text string) string {
	if addr.IsASCII(text) {
		return text
	}
	return mime.QEncoding.Encode("utf-8", text)
}

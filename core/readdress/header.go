package readdress

import (
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
)

// Kind says whose addresses a field of a header has.
type Kind uint8

// The kinds: of nobody, of senders, of recipients.
const (
	NoAddresses Kind = iota
	OfSenders
	OfRecipients
)

// KindOf returns the kind of a field. The fields are those whose addresses Postfix rewrites.
func KindOf(f mail.Field) Kind {
	for _, name := range [...]string{"From", "Sender", "Reply-To", "Errors-To", "Return-Receipt-To", "Resent-From",
		"Resent-Sender", "Resent-Reply-To", "Disposition-Notification-To", "Mail-Followup-To"} {
		if f.Is(name) {
			return OfSenders
		}
	}
	for _, name := range [...]string{"To", "Cc", "Bcc", "Apparently-To", "Resent-To", "Resent-Cc", "Resent-Bcc"} {
		if f.Is(name) {
			return OfRecipients
		}
	}
	return NoAddresses
}

// Each returns the value of a field with what edit makes of each address in it. All other bytes stay;
// a value that cannot be read is returned as it is. An error is edit's.
func Each(value string, edit func(address string) (string, error)) (string, error) {
	list, ok := addr.List(value)
	if !ok {
		return value, nil
	}
	var b strings.Builder
	at := 0
	for _, m := range list {
		if m.Address == "" || m.Address == "@" {
			continue
		}
		a, err := edit(m.Address)
		if err != nil {
			return "", err
		}
		if a == m.Address {
			continue
		}
		b.WriteString(value[at:m.Start])
		b.WriteString(a)
		at = m.End
	}
	if at == 0 {
		return value, nil
	}
	b.WriteString(value[at:])
	return b.String(), nil
}

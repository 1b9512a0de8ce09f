package readdress

import "fmt"

// Classes is a set of places where addresses stand: canonical_classes and its like.
type Classes uint8

// The places.
const (
	EnvelopeSender Classes = 1 << iota
	EnvelopeRecipient
	HeaderSender
	HeaderRecipient
)

// ParseClasses reads a list of places; unknown words are an error.
func ParseClasses(words []string) (Classes, error) {
	var c Classes
	for _, w := range words {
		switch w {
		case "envelope_sender":
			c |= EnvelopeSender
		case "envelope_recipient":
			c |= EnvelopeRecipient
		case "header_sender":
			c |= HeaderSender
		case "header_recipient":
			c |= HeaderRecipient
		default:
			return 0, fmt.Errorf("unknown class %q", w)
		}
	}
	return c, nil
}

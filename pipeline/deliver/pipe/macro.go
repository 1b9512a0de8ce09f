package pipe

import (
	"fmt"
	"slices"
	"strings"
)

// macro is one of the names that argv= may refer to; 0 is none.
type macro int

const (
	mRecipient macro = iota + 1
	mOriginalRecipient
	mUser
	mExtension
	mMailbox
	mDomain
	mSender
	mNexthop
	mSize
	mQueueID
	mEnvID
	mClientAddress
	mClientHelo
	mClientHostname
	mClientPort
	mClientProtocol
	mSASLMethod
	mSASLSender
	mSASLUsername
	macroCount
)

// macroName returns the name of a macro as argv= has it.
func macroName(m macro) string {
	return [macroCount]string{"", "recipient", "original_recipient", "user", "extension", "mailbox", "domain",
		"sender", "nexthop", "size", "queue_id", "envid", "client_address", "client_helo", "client_hostname",
		"client_port", "client_protocol", "sasl_method", "sasl_sender", "sasl_username"}[m]
}

func macroNamed(name string) macro {
	for m := mRecipient; m < macroCount; m++ {
		if macroName(m) == name {
			return m
		}
	}
	return 0
}

// ofRecipient reports whether the macro has a value for each recipient.
func (m macro) ofRecipient() bool { return m >= mRecipient && m <= mDomain }

// argument is one word of argv=.
type argument []piece

// piece is literal text, or a macro.
type piece struct {
	text  string
	macro macro
}

// parseArgument takes a word apart: $name, ${name}, $(name), and $$ for "$".
func parseArgument(word string) (argument, error) {
	var a argument
	for word != "" {
		i := strings.IndexByte(word, '$')
		if i < 0 {
			return a.text(word), nil
		}
		a, word = a.text(word[:i]), word[i+1:]
		if strings.HasPrefix(word, "$") {
			a, word = a.text("$"), word[1:]
			continue
		}
		name, rest, err := reference(word)
		if err != nil {
			return nil, err
		}
		m := macroNamed(name)
		if m == 0 {
			return nil, fmt.Errorf("unknown macro name: %q", name)
		}
		a, word = append(a, piece{macro: m}), rest
	}
	return a, nil
}

// reference takes the name off what stands behind a "$".
func reference(s string) (name, rest string, err error) {
	for _, pair := range [...]string{"{}", "()"} {
		if strings.HasPrefix(s, pair[:1]) {
			name, rest, ok := strings.Cut(s[1:], pair[1:])
			if !ok {
				return "", "", fmt.Errorf("$%s does not end", s)
			}
			return name, rest, nil
		}
	}
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z' || s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return s[:n], s[n:], nil
}

func (a argument) text(s string) argument {
	if s == "" {
		return a
	}
	return append(a, piece{text: s})
}

func (a argument) literal() bool {
	return !slices.ContainsFunc(a, func(p piece) bool { return p.macro != 0 })
}

func (a argument) ofRecipient() bool {
	return slices.ContainsFunc(a, func(p piece) bool { return p.macro.ofRecipient() })
}

// values are what macros stand for.
type values func(macro) string

func (a argument) expand(v values) string {
	if len(a) == 1 && a[0].macro == 0 {
		return a[0].text
	}
	var b strings.Builder
	for _, p := range a {
		if p.macro != 0 {
			b.WriteString(v(p.macro))
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// mayBecomeOption reports whether what a macro stands for is the argument's beginning.
func (a argument) mayBecomeOption() bool { return len(a) > 0 && a[0].macro != 0 }

// guarded returns the arguments that an address could make an option: those that begin with a
// macro, up to a "--".
func guarded(argv []argument) []argument {
	var all []argument
	for _, a := range argv {
		if a.literal() && a.expand(nil) == "--" {
			break
		}
		if a.mayBecomeOption() {
			all = append(all, a)
		}
	}
	return all
}

// expandAll makes the arguments of a command: one for each word, or one for each recipient where
// the word has a macro of recipients.
func expandAll(argv []argument, message values, recipients []values) []string {
	args := make([]string, 0, len(argv)+len(recipients))
	for _, a := range argv {
		if !a.ofRecipient() {
			args = append(args, a.expand(message))
			continue
		}
		for _, r := range recipients {
			args = append(args, a.expand(r))
		}
	}
	return args
}

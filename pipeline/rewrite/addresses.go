package rewrite

import (
	"strings"

	"github.com/mtad/mtad/core/addr"
)

// mailbox is an address in a list of addresses, as a header field or the value of a table has it.
type mailbox struct {
	start, end int    // where it stands in the text
	address    string // without comments and white space, local part in external form
}

// parseAddresses finds the addresses of a list (RFC 5322 §3.4, and what is sent in its stead):
// phrases, comments, groups and routes are passed over. ok is false when quotes, brackets or
// comments do not close; then nothing can be said.
func parseAddresses(text string) (list []mailbox, ok bool) {
	p := addressParser{text: text}
	for p.pos < len(p.text) {
		if !p.step() {
			return nil, false
		}
	}
	if p.angle {
		return nil, false
	}
	p.flush()
	return p.list, true
}

// addressParser takes a list apart, one token a step.
type addressParser struct {
	text  string
	pos   int
	list  []mailbox
	words []word // of the address that is being read
	angle bool   // inside < >
	done  bool   // an address in < > was read: the rest of the element is a comment
}

type word struct {
	start, end int
	spaced     bool // white space or a comment stands before it
	special    bool // "@" or "."
}

func (p *addressParser) step() bool {
	switch c := p.text[p.pos]; c {
	case ' ', '\t', '\r', '\n':
		p.pos++
	case '(':
		return p.comment()
	case '"':
		return p.quoted('"')
	case '[':
		return p.quoted(']')
	case '<':
		p.words, p.angle = nil, true
		p.pos++
	case '>':
		p.take()
		p.angle, p.done = false, true
		p.pos++
	case ',', ';':
		if p.angle { // a source route: <@a,@b:user@c>
			p.words = nil
		} else {
			p.flush()
		}
		p.pos++
	case ':': // a group's name or a route ends
		p.words = nil
		p.pos++
	case '@', '.':
		p.add(p.pos+1, true)
	default:
		p.add(p.atomEnd(), false)
	}
	return true
}

func (p *addressParser) add(end int, special bool) {
	spaced := p.pos > 0 && len(p.words) > 0 && p.words[len(p.words)-1].end != p.pos
	p.words = append(p.words, word{p.pos, end, spaced, special})
	p.pos = end
}

func (p *addressParser) atomEnd() int {
	for i := p.pos; i < len(p.text); i++ {
		if c := p.text[i]; c == '\\' && i+1 < len(p.text) {
			i++
		} else if strings.IndexByte(" \t\r\n()\"[<>,;:@.", c) >= 0 {
			return i
		}
	}
	return len(p.text)
}

func (p *addressParser) quoted(closing byte) bool {
	for i := p.pos + 1; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case closing:
			p.add(i+1, false)
			return true
		}
	}
	return false
}

func (p *addressParser) comment() bool {
	depth := 0
	for i := p.pos; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				p.pos = i + 1
				return true
			}
		}
	}
	return false
}

// flush ends an element without < >.
func (p *addressParser) flush() {
	if !p.done {
		p.take()
	}
	p.words, p.done = nil, false
}

// take makes addresses of the words read: one, or several that only white space separates.
func (p *addressParser) take() {
	words := p.words
	p.words = nil
	for len(words) > 0 {
		n := 1
		for n < len(words) && (!words[n].spaced || words[n].special || words[n-1].special) {
			n++
		}
		p.list = append(p.list, p.mailbox(words[:n]))
		words = words[n:]
	}
}

func (p *addressParser) mailbox(words []word) mailbox {
	m := mailbox{start: words[0].start, end: words[len(words)-1].end}
	if whole := p.text[m.start:m.end]; !strings.ContainsAny(whole, " \t\r\n(\\\"") {
		m.address = whole
		return m
	}
	var b strings.Builder
	for _, w := range words {
		b.WriteString(p.text[w.start:w.end])
	}
	m.address = b.String()
	if local, domain, ok := addr.Split(m.address); ok {
		m.address = addr.Quote(addr.Unquote(local)) + "@" + domain
	} else if strings.ContainsAny(local, "\"\\") {
		m.address = addr.Quote(addr.Unquote(local))
	}
	return m
}

// addressesOf returns the addresses that the value of a table lists.
func addressesOf(value string) []string {
	list, _ := parseAddresses(value)
	var out []string
	for _, m := range list {
		if m.address != "" && m.address != "@" {
			out = append(out, m.address)
		}
	}
	return out
}

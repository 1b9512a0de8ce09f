package addr

import "strings"

// Mailbox is an address in a list of addresses, as a header field or the value of a table has it.
type Mailbox struct {
	// Start and End are where it stands in the text.
	Start, End int
	// Address has no comments and white space, and its local part in external form.
	Address string
}

// List finds the addresses of a list (RFC 5322 §3.4, and what is sent in its stead): phrases,
// comments, groups and routes are passed over. ok is false when quotes, brackets or comments do
// not close; then nothing can be said.
func List(text string) (list []Mailbox, ok bool) {
	p := listParser{text: text}
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

// listParser takes a list apart, one token a step.
type listParser struct {
	text  string
	pos   int
	list  []Mailbox
	words []word // of the address that is being read
	angle bool   // inside < >
	done  bool   // an address in < > was read: the rest of the element is a comment
}

type word struct {
	start, end int
	spaced     bool // white space or a comment stands before it
	special    bool // "@" or "."
}

func (p *listParser) step() bool {
	switch c := p.text[p.pos]; c {
	case ' ', '\t', '\r', '\n':
		p.pos++
	case '(':
		return p.comment()
	case ')': // closes nothing
		return false
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

func (p *listParser) add(end int, special bool) {
	spaced := p.pos > 0 && len(p.words) > 0 && p.words[len(p.words)-1].end != p.pos
	p.words = append(p.words, word{p.pos, end, spaced, special})
	p.pos = end
}

func (p *listParser) atomEnd() int {
	for i := p.pos; i < len(p.text); i++ {
		if c := p.text[i]; c == '\\' && i+1 < len(p.text) {
			i++
		} else if strings.IndexByte(" \t\r\n()\"[<>,;:@.", c) >= 0 {
			return i
		}
	}
	return len(p.text)
}

func (p *listParser) quoted(closing byte) bool {
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

func (p *listParser) comment() bool {
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
func (p *listParser) flush() {
	if !p.done {
		p.take()
	}
	p.words, p.done = nil, false
}

// take makes addresses of the words read: one, or several that only white space separates.
func (p *listParser) take() {
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

func (p *listParser) mailbox(words []word) Mailbox {
	m := Mailbox{Start: words[0].start, End: words[len(words)-1].end}
	if whole := p.text[m.Start:m.End]; !strings.ContainsAny(whole, " \t\r\n(\\\"") {
		m.Address = whole
		return m
	}
	var b strings.Builder
	for _, w := range words {
		b.WriteString(p.text[w.start:w.end])
	}
	m.Address = b.String()
	if local, domain, ok := Split(m.Address); ok {
		m.Address = Quote(Unquote(local)) + "@" + domain
	} else if strings.ContainsAny(local, "\"\\") {
		m.Address = Quote(Unquote(local))
	}
	return m
}

package checks

import (
	"mime"
	"strings"
)

// maxNesting is how deep MIME parts are followed (mime_nesting_limit's default); what is deeper is
// body.
const maxNesting = 100

// parts knows where in the MIME structure of a body a line stands. It follows RFC 2046 §5.1: a
// boundary line of an outer part ends the inner ones.
type parts struct {
	boundaries []string
	digest     []bool // by boundary: parts without a type are messages (RFC 2046 §5.1.5)
	header     bool   // in the header of a part
	class      Class  // of that header
	ctype      string // Content-Type of the part whose header it is
	fresh      bool   // a part has just begun
}

func newParts(ctype string) parts {
	var p parts
	p.enter(ctype)
	return p
}

// inHeader reports whether the next line is in a header.
func (p *parts) inHeader() bool { return p.header }

// enter begins the body of a part of this type.
func (p *parts) enter(ctype string) {
	p.header, p.ctype, p.fresh = false, "", true
	kind, params, err := mime.ParseMediaType(ctype)
	if kind == "" && err != nil {
		kind, _, _ = strings.Cut(strings.ToLower(ctype), ";")
		kind = strings.TrimSpace(kind)
	}
	if ctype == "" && len(p.digest) > 0 && p.digest[len(p.digest)-1] {
		kind = "message/rfc822"
	}
	switch {
	case len(p.boundaries) >= maxNesting:
	case strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		p.boundaries = append(p.boundaries, "--"+params["boundary"])
		p.digest = append(p.digest, kind == "multipart/digest")
	case kind == "message/rfc822" || kind == "message/global":
		p.header, p.class = true, Nested
	}
}

// isBoundary reports whether a line is a boundary of an open part.
func (p *parts) isBoundary(line string) bool {
	i, _ := p.find(line)
	return i >= 0
}

// find returns the part that a line is a boundary of, or -1, and whether it is the last one.
func (p *parts) find(line string) (i int, last bool) {
	if len(p.boundaries) == 0 || !strings.HasPrefix(line, "--") {
		return -1, false
	}
	line = strings.TrimRight(line, " \t\r\n")
	for i := len(p.boundaries) - 1; i >= 0; i-- {
		switch b := p.boundaries[i]; {
		case line == b:
			return i, false
		case line == b+"--":
			return i, true
		}
	}
	return -1, false
}

// next takes the next unit (a line, or in a header a field) and returns its class.
func (p *parts) next(unit string) Class {
	if i, last := p.find(unit); i >= 0 {
		p.boundary(i, last)
		return Body
	}
	if !p.header {
		return Body
	}
	name, value, ok := strings.Cut(unit, ":")
	if !ok || strings.ContainsAny(strings.TrimRight(name, " \t"), " \t\r\n") || name == "" {
		p.enter(p.ctype) // the empty line, or text without one
		return Body
	}
	if p.ctype == "" && strings.EqualFold(strings.TrimRight(name, " \t"), "Content-Type") {
		p.ctype = strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(value))
	}
	return p.class
}

// boundary begins a part inside part i, or ends part i.
func (p *parts) boundary(i int, last bool) {
	n := i + 1
	if last {
		n = i
	}
	p.boundaries, p.digest = p.boundaries[:n], p.digest[:n]
	p.header, p.class, p.ctype, p.fresh = !last, MIME, "", true
}

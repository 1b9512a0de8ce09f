package checks

import (
	"mime"
	"strings"
)

// The defaults of mime_nesting_limit, how deep MIME parts are followed (what is deeper is body), and
// of mime_boundary_length_limit, how many bytes of a boundary are compared.
const (
	maxNesting  = 100
	maxBoundary = 2048
)

// parts knows where in the MIME structure of a body a line stands. It follows RFC 2046 §5.1: a
// boundary line of an outer part ends the inner ones, and a line that begins with a boundary is one.
type parts struct {
	boundaries []string
	digest     []bool // by boundary: parts without a type are messages (RFC 2046 §5.1.5)
	header     bool   // in the header of a part
	class      Class  // of that header
	ctype      string // Content-Type of the part whose header it is
	fresh      bool   // a part has just begun
	// nesting and limit bound how deep parts are followed and how long boundaries are; 0 for the
	// default.
	nesting, limit int
}

func newParts(ctype string, nesting, limit int) parts {
	p := parts{nesting: nesting, limit: limit}
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
	case len(p.boundaries) > orDefault(p.nesting, maxNesting)+1:
	case strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		b := params["boundary"]
		p.boundaries = append(p.boundaries, "--"+b[:min(len(b), orDefault(p.limit, maxBoundary))])
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
	for i := len(p.boundaries) - 1; i >= 0; i-- {
		if rest, ok := strings.CutPrefix(line, p.boundaries[i]); ok {
			return i, strings.HasPrefix(rest, "--")
		}
	}
	return -1, false
}

func orDefault(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
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

package smtpclient

import (
	"fmt"
	"strconv"
	"strings"
)

// Ext is a set of SMTP extensions.
type Ext uint16

// The extensions that a client has a use for.
const (
	Pipelining       Ext = 1 << iota // RFC 2920
	EightBitMIME                     // RFC 6152
	SMTPUTF8                         // RFC 6531
	DSN                              // RFC 3461
	Chunking                         // RFC 3030
	STARTTLS                         // RFC 3207
	EnhancedStatuses                 // RFC 2034
	Size                             // RFC 1870
	Auth                             // RFC 4954
	XForward                         // Postfix's XFORWARD_README
)

var keywords = [...]struct {
	name string
	ext  Ext
}{
	{"PIPELINING", Pipelining}, {"8BITMIME", EightBitMIME}, {"SMTPUTF8", SMTPUTF8},
	{"DSN", DSN}, {"CHUNKING", Chunking}, {"STARTTLS", STARTTLS},
	{"ENHANCEDSTATUSCODES", EnhancedStatuses}, {"SIZE", Size}, {"AUTH", Auth}, {"XFORWARD", XForward},
}

// noUse are keywords that may be discarded, which is what a client does with them anyway.
const noUse = " VRFY ETRN EXPN HELP BINARYMIME XCLIENT SILENT-DISCARD "

// ParseExt returns the set for keywords as smtp_discard_ehlo_keywords lists them, in any case.
// Keywords of extensions that a client has no use for are accepted; unknown ones are an error.
func ParseExt(names []string) (Ext, error) {
	var set Ext
	for _, n := range names {
		e := keyword(n)
		if e == 0 && !strings.Contains(noUse, " "+strings.ToUpper(n)+" ") {
			return 0, fmt.Errorf("unknown EHLO keyword %q", n)
		}
		set |= e
	}
	return set, nil
}

func keyword(name string) Ext {
	for i := range keywords {
		if strings.EqualFold(keywords[i].name, name) {
			return keywords[i].ext
		}
	}
	return 0
}

// Features is what a peer offers.
type Features struct {
	// Ext are the extensions; the zero set after HELO.
	Ext Ext
	// Name is what the peer calls itself in its reply to EHLO or HELO, cleaned.
	Name string
	// SizeLimit is the most bytes of a message; 0 when the peer sets none (RFC 1870 §4).
	SizeLimit int64
	// Mechanisms are those of AUTH, in upper case.
	Mechanisms []string
	// Forward are the attributes that XFORWARD takes, in upper case.
	Forward []string
}

// Has reports whether all of e are offered.
func (f *Features) Has(e Ext) bool { return f.Ext&e == e }

// parseFeatures reads the text of a reply to EHLO: codes are gone, lines end in "\n". Keywords
// that it does not know, and arguments that make no sense, are passed over.
func parseFeatures(text string) Features {
	var f Features
	first, rest, _ := strings.Cut(text, "\n")
	f.Name, _, _ = strings.Cut(first, " ")
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		f.add(line)
	}
	return f
}

func (f *Features) add(line string) {
	// "AUTH=LOGIN PLAIN" is what servers said before RFC 2554.
	end := strings.IndexAny(line, " =")
	word, args := line, ""
	if end >= 0 {
		word, args = line[:end], line[end+1:]
	}
	e := keyword(word)
	f.Ext |= e
	switch e {
	case Size:
		arg, _, _ := strings.Cut(strings.TrimSpace(args), " ")
		if n, err := strconv.ParseInt(arg, 10, 64); err == nil && n > 0 {
			f.SizeLimit = n
		}
	case Auth:
		f.Mechanisms = append(f.Mechanisms, strings.Fields(strings.ToUpper(args))...)
	case XForward:
		f.Forward = strings.Fields(strings.ToUpper(args))
	}
}

// without returns f less the extensions in e.
func (f Features) without(e Ext) Features {
	f.Ext &^= e
	if e&Size != 0 {
		f.SizeLimit = 0
	}
	if e&Auth != 0 {
		f.Mechanisms = nil
	}
	return f
}

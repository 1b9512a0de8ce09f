package hook

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/mtad/mtad/pipeline/hook/scan"
	"github.com/mtad/mtad/plugins/sdk"
)

// maxCompiled is how many sets of words and how many patterns are kept per plugin; beyond, all are
// forgotten. maxWordFile is the most bytes of a file of words.
const (
	maxCompiled = 256
	maxWordFile = 8 << 20
)

// patterns keeps what was compiled for a plugin. Safe for concurrent use.
type patterns struct {
	mu     sync.Mutex
	words  map[string]*scan.Words
	exprs  map[string]*scan.Pattern
	failed map[string]sdk.Errno // what cannot be compiled is not tried again
}

// set returns the compiled set of words; name is copied if it is kept.
func (c *patterns) set(h *host, name string) (*scan.Words, sdk.Errno) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.words[name]; w != nil {
		return w, sdk.OK
	}
	if e, ok := c.failed["words "+name]; ok {
		return nil, e
	}
	list, e := wordsOf(h, name)
	if e != sdk.OK {
		return nil, e
	}
	w, err := scan.CompileWords(list)
	if err != nil {
		h.warn(fmt.Sprintf("words %.100q: %v", name, err))
		return nil, c.fail("words "+name, sdk.ErrLimit)
	}
	if c.words == nil || len(c.words) >= maxCompiled {
		c.words = map[string]*scan.Words{}
	}
	c.words[strings.Clone(name)] = w
	return w, sdk.OK
}

// wordsOf returns the words of a set: name is a key of the configuration, whose value is a file if
// it begins with "/", or it has the words itself.
func wordsOf(h *host, name string) ([]string, sdk.Errno) {
	text := name
	if !strings.Contains(name, "\n") {
		var ok bool
		if text, ok = h.p.Config[name]; !ok {
			return nil, sdk.ErrInvalid
		}
	}
	if !strings.HasPrefix(text, "/") || strings.Contains(text, "\n") {
		return scan.SplitWords(text), sdk.OK
	}
	st, err := os.Stat(text)
	if err == nil && st.Size() > maxWordFile {
		return nil, sdk.ErrLimit
	}
	b, err := os.ReadFile(text)
	if err != nil {
		h.warn("words " + name + ": " + err.Error())
		return nil, sdk.ErrIO
	}
	return scan.SplitWords(string(b)), sdk.OK
}

func (c *patterns) expr(h *host, expr string) (*scan.Pattern, sdk.Errno) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.exprs[expr]; p != nil {
		return p, sdk.OK
	}
	if e, ok := c.failed["regexp "+expr]; ok {
		return nil, e
	}
	p, err := scan.CompilePattern(expr)
	if err != nil {
		h.warn(fmt.Sprintf("regexp %.100q: %v", expr, err))
		e := sdk.ErrInvalid
		if errors.Is(err, scan.ErrLimit) {
			e = sdk.ErrLimit
		}
		return nil, c.fail("regexp "+expr, e)
	}
	if c.exprs == nil || len(c.exprs) >= maxCompiled {
		c.exprs = map[string]*scan.Pattern{}
	}
	c.exprs[strings.Clone(expr)] = p
	return p, sdk.OK
}

func (c *patterns) fail(what string, e sdk.Errno) sdk.Errno {
	if c.failed == nil || len(c.failed) >= maxCompiled {
		c.failed = map[string]sdk.Errno{}
	}
	c.failed[what] = e
	return e
}

// scanner returns the message as the hook sees it now, its own edits included.
func (h *host) scanner(what sdk.Text) (*scan.Message, sdk.Errno) {
	rest, off := h.restBody()
	switch {
	case !h.p.Allow[sdk.CapScan]:
		return nil, sdk.ErrDenied
	case h.hdr() == nil, rest == nil && what != sdk.TextHeader, h.pt == sdk.PointBody && what >= sdk.TextDecoded:
		return nil, sdk.ErrStage
	}
	if h.scan == nil {
		h.scan = scan.New(h.hdr().Bytes(), rest, off, h.late)
	}
	return h.scan, sdk.OK
}

// Words finds the first word of a set.
func (h *host) Words(set string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	m, e := h.scanner(what)
	if e != sdk.OK {
		return sdk.Match{}, e
	}
	w, e := h.p.scans.set(h, set)
	if e != sdk.OK {
		return sdk.Match{}, e
	}
	return h.found(m.FindWords(w, int(what), from))
}

// Regexp finds the first match of a pattern.
func (h *host) Regexp(pattern string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	m, e := h.scanner(what)
	if e != sdk.OK {
		return sdk.Match{}, e
	}
	p, e := h.p.scans.expr(h, pattern)
	if e != sdk.OK {
		return sdk.Match{}, e
	}
	return h.found(m.FindPattern(p, int(what), from))
}

func (h *host) found(m scan.Match, ok bool, err error) (sdk.Match, sdk.Errno) {
	h.matched = false
	if err != nil {
		return sdk.Match{}, scanErrno(err)
	}
	if !ok {
		return sdk.Match{}, sdk.ErrNotFound
	}
	h.match, h.matched = sdk.Match{Begin: m.Begin, End: m.End, Found: string(m.Found)}, true
	return h.match, sdk.OK
}

func scanErrno(err error) sdk.Errno {
	switch {
	case errors.Is(err, scan.ErrPart), errors.Is(err, scan.ErrHash):
		return sdk.ErrInvalid
	case errors.Is(err, scan.ErrTime):
		return sdk.ErrAgain
	}
	return sdk.ErrIO
}

// Hash hashes a text.
func (h *host) Hash(alg sdk.HashAlg, what sdk.Text) (string, sdk.Errno) {
	m, e := h.scanner(what)
	if e != sdk.OK {
		return "", e
	}
	name := map[sdk.HashAlg]string{sdk.MD5: "md5", sdk.SHA1: "sha1", sdk.SHA256: "sha256"}[alg]
	sum, err := m.Hash(name, int(what))
	if err != nil {
		return "", scanErrno(err)
	}
	return sum, sdk.OK
}

// MIMEPart says what part i is.
func (h *host) MIMEPart(i int, what sdk.MIMEInfo) (string, sdk.Errno) {
	m, e := h.scanner(sdk.TextPart)
	if e != sdk.OK {
		return "", e
	}
	p, err := m.Part(i)
	if err != nil {
		return "", partErrno(err)
	}
	switch what {
	case sdk.MIMEType:
		return p.Type, sdk.OK
	case sdk.MIMEName:
		return p.Name, sdk.OK
	case sdk.MIMECharset:
		return p.Charset, sdk.OK
	case sdk.MIMEDisposition:
		return p.Disposition, sdk.OK
	case sdk.MIMESize:
		n, err := m.PartSize(i)
		if err != nil {
			return "", partErrno(err)
		}
		return strconv.FormatInt(n, 10), sdk.OK
	}
	return "", sdk.ErrInvalid
}

func partErrno(err error) sdk.Errno {
	if errors.Is(err, scan.ErrPart) {
		return sdk.ErrNotFound
	}
	return scanErrno(err)
}

// MIMERead reads the decoded content of part i.
func (h *host) MIMERead(i int, off int64, p []byte) (int, sdk.Errno) {
	m, e := h.scanner(sdk.TextPart)
	if e != sdk.OK {
		return 0, e
	}
	if off < 0 {
		return 0, sdk.ErrInvalid
	}
	n, err := m.ReadPart(i, off, p)
	if err != nil {
		return n, partErrno(err)
	}
	return n, sdk.OK
}

// partCount is the property mime.count.
func (h *host) partCount() (string, bool) {
	m, e := h.scanner(sdk.TextPart)
	if e != sdk.OK {
		return "", false
	}
	n, err := m.Count()
	return strconv.Itoa(n), err == nil
}

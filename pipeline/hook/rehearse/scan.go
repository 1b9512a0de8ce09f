package rehearse

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook/scan"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

// Options returns the options of sdktest.Play with mtad's own services.
func Options() sdktest.Options { return sdktest.Options{Scan: Scan} }

// maxWordFile is the most bytes of a file of words.
const maxWordFile = 8 << 20

// Scan serves the scan service over a message.
func Scan(w *sdktest.World, config map[string]string) sdktest.Scanner {
	var head []byte
	for _, f := range w.Fields {
		head = append(head, f...)
	}
	s := scanner{config: config}
	if w.HasBody {
		s.m = scan.New(head, mail.Bytes("\r\n"+string(w.Body)), int64(len("\r\n")), nil)
	} else {
		s.m = scan.New(head, nil, 0, nil)
	}
	return s
}

type scanner struct {
	m      *scan.Message
	config map[string]string
}

var _ sdktest.Scanner = scanner{}

// words returns the words of a set, as docs/abi.md has them.
func (s scanner) words(set string) ([]string, sdk.Errno) {
	text := set
	if !strings.Contains(set, "\n") {
		var ok bool
		if text, ok = s.config[set]; !ok {
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
		return nil, sdk.ErrIO
	}
	return scan.SplitWords(string(b)), sdk.OK
}

// Words finds the first word of a set.
func (s scanner) Words(set string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	list, e := s.words(set)
	if e != sdk.OK {
		return sdk.Match{}, e
	}
	w, err := scan.CompileWords(list)
	if err != nil {
		return sdk.Match{}, sdk.ErrLimit
	}
	return match(s.m.FindWords(w, int(what), from))
}

// Regexp finds the first match of a pattern.
func (s scanner) Regexp(pattern string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	p, err := scan.CompilePattern(pattern)
	switch {
	case errors.Is(err, scan.ErrLimit):
		return sdk.Match{}, sdk.ErrLimit
	case err != nil:
		return sdk.Match{}, sdk.ErrInvalid
	}
	return match(s.m.FindPattern(p, int(what), from))
}

func match(m scan.Match, ok bool, err error) (sdk.Match, sdk.Errno) {
	switch {
	case err != nil:
		return sdk.Match{}, errno(err, sdk.ErrInvalid)
	case !ok:
		return sdk.Match{}, sdk.ErrNotFound
	}
	return sdk.Match{Begin: m.Begin, End: m.End, Found: string(m.Found)}, sdk.OK
}

// errno is the ABI's number of an error; noPart is that of a part which is not there.
func errno(err error, noPart sdk.Errno) sdk.Errno {
	switch {
	case err == nil:
		return sdk.OK
	case errors.Is(err, scan.ErrPart):
		return noPart
	case errors.Is(err, scan.ErrHash):
		return sdk.ErrInvalid
	}
	return sdk.ErrIO
}

// Hash hashes a text.
func (s scanner) Hash(alg sdk.HashAlg, what sdk.Text) (string, sdk.Errno) {
	name := map[sdk.HashAlg]string{sdk.MD5: "md5", sdk.SHA1: "sha1", sdk.SHA256: "sha256"}[alg]
	sum, err := s.m.Hash(name, int(what))
	return sum, errno(err, sdk.ErrInvalid)
}

// MIMEPart says what part i is.
func (s scanner) MIMEPart(i int, what sdk.MIMEInfo) (string, sdk.Errno) {
	p, err := s.m.Part(i)
	if err != nil {
		return "", errno(err, sdk.ErrNotFound)
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
		n, err := s.m.PartSize(i)
		return strconv.FormatInt(n, 10), errno(err, sdk.ErrNotFound)
	}
	return "", sdk.ErrInvalid
}

// MIMERead reads the decoded content of part i.
func (s scanner) MIMERead(i int, off int64, p []byte) (int, sdk.Errno) {
	if off < 0 {
		return 0, sdk.ErrInvalid
	}
	n, err := s.m.ReadPart(i, off, p)
	return n, errno(err, sdk.ErrNotFound)
}

// Count is the number of parts.
func (s scanner) Count() int {
	n, _ := s.m.Count()
	return n
}

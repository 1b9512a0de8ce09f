package dovecot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/sasl"
)

// maxLine is the longest line of a server in bytes; maxGreeting the most lines before DONE.
const (
	maxLine     = 32 << 10
	maxGreeting = 200
)

var errLineTooLong = errors.New("the authentication server sent too long a line")

// readLine reads a line without its end. It is valid until the next call.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errLineTooLong
	case errors.Is(err, io.EOF) && len(line) > 0:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(string(line), "\n"), nil
}

// readGreeting reads what a server says first, to DONE.
func readGreeting(r *bufio.Reader) ([]sasl.Mechanism, error) {
	var mechanisms []sasl.Mechanism
	version := false
	for range maxGreeting {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		f := strings.Split(line, "\t")
		switch f[0] {
		case "VERSION":
			// A higher minor version is understood, a higher major is another protocol.
			if len(f) < 2 || f[1] != "1" {
				return nil, fmt.Errorf("the authentication server speaks another protocol: %q", line)
			}
			version = true
		case "MECH":
			if m, ok := mechanism(f[1:]); ok {
				mechanisms = append(mechanisms, m)
			}
		case "DONE":
			if !version {
				return nil, errors.New("the authentication server did not say its protocol version")
			}
			return mechanisms, nil
		}
	}
	return nil, errors.New("the greeting of the authentication server does not end")
}

var propertyWords = map[string]sasl.Properties{
	"plaintext": sasl.Plaintext, "active": sasl.Active, "dictionary": sasl.Dictionary, "anonymous": sasl.Anonymous,
	"forward-secrecy": sasl.ForwardSecrecy, "mutual-auth": sasl.MutualAuth,
}

// mechanism reads the fields of MECH. What is private is for Dovecot's own programs.
func mechanism(f []string) (m sasl.Mechanism, ok bool) {
	if len(f) == 0 || !mechanismName(f[0]) {
		return m, false
	}
	m.Name = strings.ToUpper(f[0])
	for _, word := range f[1:] {
		if word == "private" {
			return m, false
		}
		m.Props |= propertyWords[word]
	}
	return m, true
}

// mechanismName is the grammar of RFC 4422 §3.1; letters may be small.
func mechanismName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 20
}

// answer is a line of a server that answers a request.
type answer struct {
	verb string // OK, CONT or FAIL
	id   uint32
	args []string // as they are on the wire
}

// parseAnswer reads a line; ok is false for one that answers nothing.
func parseAnswer(line string) (a answer, ok bool) {
	f := strings.Split(line, "\t")
	if len(f) < 2 || f[0] != "OK" && f[0] != "CONT" && f[0] != "FAIL" {
		return a, false
	}
	id, err := strconv.ParseUint(f[1], 10, 32)
	if err != nil {
		return a, false
	}
	return answer{f[0], uint32(id), f[2:]}, true
}

// arg returns the value of a parameter, "" when it is not there; has whether it is.
func (a answer) arg(name string) (value string, has bool) {
	for _, arg := range a.args {
		n, v, _ := strings.Cut(arg, "=")
		if n == name {
			return unescape(v), true
		}
	}
	return "", false
}

// temporary reports whether a FAIL says nothing of the password.
func (a answer) temporary() bool {
	_, temp := a.arg("temp")
	code, _ := a.arg("code")
	return temp || code == "temp_fail"
}

var escapes = map[byte]byte{'0': 0, '1': 1, 't': '\t', 'r': '\r', 'n': '\n'}

// unescape undoes Dovecot's escapes: 0x01 and a character.
func unescape(s string) string {
	if strings.IndexByte(s, 1) < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != 1 || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		c, ok := escapes[s[i]]
		if !ok {
			c = s[i]
		}
		b = append(b, c)
	}
	return string(b)
}

var escaper = strings.NewReplacer("\x00", "\x010", "\x01", "\x011", "\t", "\x01t", "\r", "\x01r", "\n", "\x01n")

// escape makes a value fit for a field.
func escape(s string) string { return escaper.Replace(s) }

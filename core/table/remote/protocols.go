package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// maxLine bounds a reply of tcp_table(5), in bytes.
const maxLine = 4096

// MaxReply is the usual bound of a reply of socketmap_table(5), in bytes (socketmap_max_reply_size).
const MaxReply = 100000

// tcp is the protocol of tcp_table(5).
type tcp struct{}

func (tcp) ask(c *conn, key string) (string, bool, error) {
	request := "get " + escape(key) + "\n"
	if len(request) > maxLine {
		return "", false, answerError("the key is too long for the protocol")
	}
	if _, err := io.WriteString(c, request); err != nil {
		return "", false, err
	}
	line, err := readLine(c.in)
	if err != nil {
		return "", false, err
	}
	return parseTCP(line)
}

func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return "", fmt.Errorf("reply longer than %d bytes", maxLine)
		case err == nil:
			return strings.TrimSuffix(string(line), "\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// parseTCP reads a reply.
func parseTCP(line string) (string, bool, error) {
	code, text, _ := strings.Cut(strings.TrimSuffix(line, "\r"), " ")
	switch code {
	case "200":
		value, err := url.PathUnescape(text)
		if err != nil {
			return "", false, fmt.Errorf("badly encoded reply: %q", line)
		}
		return value, true, nil
	case "500":
		return "", false, nil
	case "400":
		return "", false, answerError("the server cannot say: " + text)
	}
	return "", false, fmt.Errorf("unexpected reply: %q", line)
}

// escape encodes "%", white space and what is not printable ASCII.
func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// socketmap is the protocol of socketmap_table(5), for one table of the server.
type socketmap struct {
	table string
	most  int // bytes of a reply
}

func (s socketmap) ask(c *conn, key string) (string, bool, error) {
	request := s.table + " " + key
	if _, err := fmt.Fprintf(c, "%d:%s,", len(request), request); err != nil {
		return "", false, err
	}
	reply, err := readNetstring(c.in, s.most)
	if err != nil {
		return "", false, err
	}
	return parseSocketmap(reply)
}

// readNetstring reads "LENGTH:BYTES,", of at most so many bytes.
func readNetstring(in *bufio.Reader, most int) (string, error) {
	length := 0
	for digits := 0; ; digits++ {
		b, err := in.ReadByte()
		if err != nil {
			return "", err
		}
		if b == ':' && digits > 0 {
			break
		}
		if b < '0' || b > '9' {
			return "", errors.New("the reply is no netstring: " + strconv.Quote(string(rune(b))))
		}
		if length = length*10 + int(b-'0'); length > most {
			return "", fmt.Errorf("reply longer than %d bytes (socketmap_max_reply_size)", most)
		}
	}
	text := make([]byte, length+1)
	if _, err := io.ReadFull(in, text); err != nil {
		return "", err
	}
	if text[length] != ',' {
		return "", errors.New("the reply is no netstring: no comma at its end")
	}
	return string(text[:length]), nil
}

// parseSocketmap reads a reply.
func parseSocketmap(reply string) (string, bool, error) {
	word, text, _ := strings.Cut(reply, " ")
	switch word {
	case "OK":
		return text, true, nil
	case "NOTFOUND":
		return "", false, nil
	case "TEMP", "TIMEOUT", "PERM":
		return "", false, answerError("the server cannot say: " + reply)
	}
	return "", false, fmt.Errorf("unexpected reply: %.80q", reply)
}

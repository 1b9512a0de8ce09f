package sdktest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// Limits of a transcript.
const (
	maxScript = 16 << 20
	maxText   = 64 << 20 // of one message, repetitions counted
)

// verbs are the steps, with the least and the most words that they take.
var verbs = map[string][2]int{
	"load": {0, 0}, "reload": {0, 0}, "connect": {0, 99}, "helo": {1, 99}, "auth": {1, 2}, "mail": {1, 99}, "rcpt": {1, 99},
	"data": {0, 0}, "message": {0, 0}, "headers": {0, 0}, "body": {0, 0}, "eom": {0, 0}, "abort": {0, 0},
	"rewrite": {2, 2}, "route": {1, 2}, "deliver": {0, 1}, "lookup": {1, 1}, "event": {1, 99},
	"wait": {1, 1}, "property": {2, 99},
}

// Parse reads a transcript.
func Parse(r io.Reader) (Script, error) {
	p := parser{sc: Script{Setup: newSetup()}}
	lines := bufio.NewScanner(io.LimitReader(r, maxScript+1))
	lines.Buffer(nil, 4<<20)
	size := 0
	for lines.Scan() {
		p.n++
		if size += len(lines.Text()) + 1; size > maxScript {
			return Script{}, fmt.Errorf("transcript larger than %d bytes", maxScript)
		}
		if err := p.line(strings.TrimSuffix(lines.Text(), "\r")); err != nil {
			return Script{}, fmt.Errorf("line %d: %w", p.n, err)
		}
	}
	return p.sc, lines.Err()
}

type parser struct {
	sc  Script
	n   int
	wid *want // the body that "|" lines after "> body" belong to
}

func (p *parser) line(line string) error {
	switch {
	case strings.TrimSpace(line) == "" || line[0] == '#':
		return nil
	case strings.IndexByte(`|\*`, line[0]) >= 0:
		return p.block(line)
	case line[0] == '>':
		return p.expect(strings.TrimSpace(line[1:]))
	}
	p.wid = nil
	verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	if n, ok := verbs[verb]; ok {
		words, err := split(rest)
		if err != nil {
			return err
		}
		if len(words) < n[0] || len(words) > n[1] {
			return fmt.Errorf("%s with %d words", verb, len(words))
		}
		if err := checkArgs(verb, words); err != nil {
			return err
		}
		p.sc.Steps = append(p.sc.Steps, Step{Line: p.n, Verb: verb, Args: words})
		return nil
	}
	if len(p.sc.Steps) > 0 {
		return fmt.Errorf("unknown step %q; steps: %s", verb, strings.Join(slices.Sorted(maps.Keys(verbs)), " "))
	}
	return p.setting(verb, rest)
}

// checkArgs refuses what cannot be played.
func checkArgs(verb string, words []string) error {
	switch verb {
	case "wait":
		d, err := time.ParseDuration(words[0])
		if err != nil || d < 0 {
			return fmt.Errorf("wait %s: want a time, as 90s", words[0])
		}
	case "connect", "event":
		for _, w := range words[min(len(words), 1):] {
			if k, _, ok := strings.Cut(w, "="); verb == "connect" && (!ok || k == "") {
				return fmt.Errorf("%q: want property=value", w)
			}
		}
	}
	return nil
}

// block takes a line of a message's text, or of a body that is demanded.
func (p *parser) block(line string) error {
	if len(p.sc.Steps) == 0 {
		return errors.New("text before the first step")
	}
	st := &p.sc.Steps[len(p.sc.Steps)-1]
	dst := &st.Text
	switch {
	case p.wid != nil:
		dst = &p.wid.text
	case st.Verb != "message":
		return fmt.Errorf("text after %q: only \"message\" and \"> body\" have one", st.Verb)
	}
	b, err := blockBytes(line)
	if err != nil {
		return err
	}
	if len(*dst)+len(b) > maxText {
		return fmt.Errorf("text larger than %d bytes", maxText)
	}
	*dst = append(*dst, b...)
	return nil
}

// blockBytes is what one line of a block stands for.
func blockBytes(line string) ([]byte, error) {
	rest := line[1:]
	if line[0] == '|' {
		return []byte(strings.TrimPrefix(rest, " ") + "\r\n"), nil
	}
	rest = strings.TrimSpace(rest)
	n := 1
	if line[0] == '*' {
		count, text, _ := strings.Cut(rest, " ")
		var err error
		if n, err = strconv.Atoi(count); err != nil || n < 0 {
			return nil, fmt.Errorf("%q is no count", count)
		}
		rest = strings.TrimSpace(text)
	}
	s, err := strconv.Unquote(rest)
	if err != nil {
		return nil, fmt.Errorf("%q is no quoted string", rest)
	}
	if len(s) > 0 && n > maxText/len(s) {
		return nil, fmt.Errorf("text larger than %d bytes", maxText)
	}
	return []byte(strings.Repeat(s, n)), nil
}

// setting takes a line of the setup.
func (p *parser) setting(word, rest string) (err error) {
	s := &p.sc.Setup
	switch word {
	case "plugin":
		s.Name = rest
	case "allow":
		s.Allow = append(s.Allow, strings.Fields(rest)...)
	case "time":
		if s.Time, err = time.Parse(time.RFC3339, rest); err != nil {
			return fmt.Errorf("time %s: want 2024-05-06T07:08:09Z", rest)
		}
	case "config":
		key, value, ok := strings.Cut(rest, "=")
		if !ok {
			return errors.New("want: config KEY = VALUE")
		}
		s.Config[strings.TrimSpace(key)], err = text(strings.TrimSpace(value))
	case "map":
		return s.row(rest)
	case "dns":
		return s.record(rest)
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	return err
}

// row takes "map NAME KEY = VALUE", or "map NAME KEY unavailable".
func (s *Setup) row(rest string) error {
	left, value, ok := strings.Cut(rest, " = ")
	words, err := split(left)
	if err != nil {
		return err
	}
	if name := first(words); name != "" && s.Maps[name] == nil {
		s.Maps[name] = map[string]Answer{}
		s.Config["maps."+name] = "inline:" // what [plugin.config.maps] says is readable, too
	}
	switch {
	case len(words) == 1 && !ok: // an empty table
		return nil
	case len(words) == 2 && ok:
		v, err := text(strings.TrimSpace(value))
		s.Maps[words[0]][words[1]] = Answer{Value: v}
		return err
	case len(words) == 3 && !ok && words[2] == unavailable:
		s.Maps[words[0]][words[1]] = Answer{Unavailable: true}
		return nil
	}
	return errors.New("want: map NAME KEY = VALUE, or map NAME KEY unavailable")
}

const unavailable = "unavailable"

var dnsTypes = map[string]sdk.DNSType{"A": sdk.DNSA, "NS": sdk.DNSNS, "CNAME": sdk.DNSCNAME, "PTR": sdk.DNSPTR,
	"MX": sdk.DNSMX, "TXT": sdk.DNSTXT, "AAAA": sdk.DNSAAAA, "SRV": sdk.DNSSRV, "TLSA": sdk.DNSTLSA}

// record takes "dns TYPE NAME = RECORD", or "dns TYPE NAME unavailable".
func (s *Setup) record(rest string) error {
	left, value, ok := strings.Cut(rest, " = ")
	words := strings.Fields(left)
	kind, known := dnsTypes[strings.ToUpper(first(words))]
	if !known || len(words) < 2 {
		return errors.New("want: dns TYPE NAME = RECORD, or dns TYPE NAME unavailable")
	}
	if s.DNS[kind] == nil {
		s.DNS[kind] = map[string]Answer{}
	}
	name := strings.ToLower(words[1])
	switch {
	case len(words) == 2 && ok:
		v, err := text(strings.TrimSpace(value))
		if old := s.DNS[kind][name].Value; old != "" {
			v = old + "\n" + v
		}
		s.DNS[kind][name] = Answer{Value: v}
		return err
	case len(words) == 3 && !ok && words[2] == unavailable:
		s.DNS[kind][name] = Answer{Unavailable: true}
		return nil
	}
	return errors.New("want: dns TYPE NAME = RECORD, or dns TYPE NAME unavailable")
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// text is s, or what it says when it is a quoted string of Go.
func text(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	v, err := strconv.Unquote(s)
	if err != nil {
		return "", fmt.Errorf("%s is no quoted string", s)
	}
	return v, nil
}

// split takes a line apart at spaces. A word that begins with a quote, or has one after "=", is a quoted string
// of Go.
func split(line string) ([]string, error) {
	var words []string
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		begin := 0
		if i := strings.IndexAny(line, " \t\""); i > 0 && line[i] == '"' && line[i-1] == '=' {
			begin = i
		}
		if line[begin] != '"' {
			word, rest := line, ""
			if i := strings.IndexAny(line, " \t"); i >= 0 {
				word, rest = line[:i], line[i:]
			}
			words, line = append(words, word), rest
			continue
		}
		q, err := strconv.QuotedPrefix(line[begin:])
		if err != nil {
			return nil, fmt.Errorf("%s: the quoted string does not end", line[begin:])
		}
		v, _ := strconv.Unquote(q)
		words, line = append(words, line[:begin]+v), line[begin+len(q):]
	}
	return words, nil
}

package template

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFile is how large a file of templates may be, in bytes.
const maxFile = 1 << 20

// Parse reads the text of a file of templates.
func Parse(text, file string) (Set, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: over %d bytes", file, maxFile)
	}
	p := &parser{file: file, lines: strings.Split(text, "\n")}
	set := Set{}
	for p.more() {
		t, err := p.template()
		if err != nil {
			return nil, err
		}
		if set[t.Name] != nil {
			return nil, p.errorf("%s_template is there twice", t.Name)
		}
		set[t.Name] = t
	}
	return set, nil
}

type parser struct {
	file  string
	lines []string
	at    int // the line that is next
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.file, p.at, fmt.Sprintf(format, args...))
}

// more skips what is between templates.
func (p *parser) more() bool {
	for ; p.at < len(p.lines); p.at++ {
		if s := strings.TrimSpace(p.lines[p.at]); s != "" && s[0] != '#' {
			return true
		}
	}
	return false
}

// template reads "NAME_template = <<MARK" and what follows up to MARK.
func (p *parser) template() (*Template, error) {
	line := p.next()
	name, value, ok := strings.Cut(line, "=")
	name = strings.TrimSuffix(strings.TrimSpace(name), "_template")
	mark, here := strings.CutPrefix(strings.TrimSpace(value), "<<")
	mark = strings.Trim(strings.TrimSpace(mark), `"'`)
	switch {
	case !ok || !here || mark == "" || strings.ContainsAny(mark, " \t"):
		return nil, p.errorf("want NAME_template = <<EOF, not %q", line)
	case !slices.Contains(Names(), name):
		return nil, p.errorf("there is no template %q; there are %s", name, strings.Join(Names(), ", "))
	}
	begin := p.at
	for p.at < len(p.lines) && strings.TrimRight(p.lines[p.at], " \t\r") != mark {
		p.at++
	}
	if p.at == len(p.lines) {
		return nil, p.errorf("%s_template does not end: no line %s", name, mark)
	}
	block := p.lines[begin:p.at]
	p.at++
	return p.fill(&Template{Name: name}, block, begin)
}

func (p *parser) next() string {
	p.at++
	return p.lines[p.at-1]
}

// fill reads the fields and the text of a template; begin is the number of the line before.
func (p *parser) fill(t *Template, block []string, begin int) (*Template, error) {
	charset := "utf-8"
	i := 0
	for ; i < len(block) && strings.TrimSpace(block[i]) != ""; i++ {
		if err := t.field(block[i], &charset); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", p.file, begin+i+1, err)
		}
	}
	if i < len(block) {
		i++
	}
	for n, line := range block[i:] {
		if len(line) > maxLine {
			return nil, fmt.Errorf("%s:%d: a line of more than %d bytes", p.file, begin+i+n+1, maxLine)
		}
	}
	body := strings.Join(block[i:], "\n")
	if body != "" {
		body += "\n"
	}
	if err := t.convert(charset, body); err != nil {
		return nil, fmt.Errorf("%s:%d: %s_template: %w", p.file, begin, t.Name, err)
	}
	return t, nil
}

// field reads one line of the header.
func (t *Template) field(line string, charset *string) error {
	name, value, ok := strings.Cut(line, ":")
	value = clean(strings.TrimSpace(value))
	if !ok || value == "" {
		return fmt.Errorf("want a field or an empty line, not %q", line)
	}
	if len(value) > maxLine {
		return fmt.Errorf("a field of more than %d bytes", maxLine)
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "charset":
		*charset = value
	case "from":
		t.From = value
	case "subject":
		t.Subject = value
	case "postmaster-subject":
		t.PostmasterSubject = value
	default:
		return fmt.Errorf("field %q is not supported; use Charset, From, Subject, Postmaster-Subject", name)
	}
	return nil
}

// convert makes everything UTF-8.
func (t *Template) convert(charset, body string) error {
	for _, s := range []*string{&t.From, &t.Subject, &t.PostmasterSubject, &body} {
		text := *s
		if !strings.EqualFold(charset, "us-ascii") && !strings.EqualFold(charset, "utf-8") {
			var err error
			if text, err = toUTF8(charset, text); err != nil {
				return err
			}
		}
		if !utf8.ValidString(text) {
			return fmt.Errorf("the text is not %s", charset)
		}
		*s = text
	}
	t.Body = strings.ReplaceAll(strings.ReplaceAll(body, "\r", ""), "\x00", "")
	return nil
}

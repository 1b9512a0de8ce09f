package main

import (
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/pipeline/bounce/template"
	"github.com/mtad/mtad/pipeline/master"
)

// postconfTemplates prints the templates of notices: postconf -t, or with -b their texts as they go
// out. An argument names the file to read in place of bounce_template_file.
func (sh *shell) postconfTemplates(o *postconfOptions) int {
	if len(o.names) > 1 {
		return sh.fail(exFailure, "options -b and -t require at most one template file")
	}
	c, err := sh.config()
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	set, lookup, err := master.NoticeTemplates(c, strings.Join(o.names, ""))
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	var texts []string
	for _, name := range template.Names() {
		t := set[name]
		if t == nil {
			continue
		}
		text := written(t)
		if o.has('b') {
			body, err := t.Expand(lookup)
			if err != nil {
				return sh.fail(exFailure, "%v", err)
			}
			text = fmt.Sprintf("expanded_%s_text = <<EOF\n%sEOF\n", name, body)
		}
		texts = append(texts, text)
	}
	sh.print(strings.Join(texts, "\n"))
	return exOK
}

// written is a template as it stands in a file (bounce(5)).
func written(t *template.Template) string {
	var b strings.Builder
	charset := "us-ascii"
	if !addr.IsASCII(t.From + t.Subject + t.PostmasterSubject + t.Body) {
		charset = "utf-8"
	}
	fmt.Fprintf(&b, "%s_template = <<EOF\nCharset: %s\n", t.Name, charset)
	for _, f := range [][2]string{{"From", t.From}, {"Subject", t.Subject}, {"Postmaster-Subject", t.PostmasterSubject}} {
		if f[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", f[0], f[1])
		}
	}
	return b.String() + "\n" + t.Body + "EOF\n"
}

package master

import (
	"fmt"
	"maps"
	"os"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/pipeline/bounce/template"
)

// NoticeTemplates returns the templates of notices, for postconf -t and -b: those of file, or of
// bounce_template_file when file is "", and the usual ones for the rest. lookup has the macros.
func NoticeTemplates(c *conf.Config, file string) (set template.Set, lookup template.Lookup, err error) {
	own := template.Set{}
	if file == "" {
		own, err = readTemplates(c)
	} else {
		var text []byte
		if text, err = os.ReadFile(file); err == nil {
			own, err = template.Parse(string(text), file)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("templates of notices: %w", err)
	}
	set = bounce.Usual()
	for name, t := range own {
		if usual := set[name]; usual != nil {
			t.From, t.Subject = or(t.From, usual.From), or(t.Subject, usual.Subject)
			t.PostmasterSubject = or(t.PostmasterSubject, usual.PostmasterSubject)
		}
	}
	maps.Copy(set, own)
	return set, parameters(c), nil
}

func or(text, usual string) string {
	if text == "" {
		return usual
	}
	return text
}

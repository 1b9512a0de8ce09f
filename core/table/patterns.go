package table

import (
	"fmt"
	"os"
	"strings"

	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/table/cidr"
	"github.com/mtad/mtad/core/table/pattern"
)

func openRegexp(name string, o Options) (Table, error) { return openPattern(name, pattern.POSIX, o) }

func openPCRE(name string, o Options) (Table, error) { return openPattern(name, pattern.Perl, o) }

func openPattern(name string, d pattern.Dialect, o Options) (Table, error) {
	return openWatched([]string{name}, true, o, func() (Table, error) {
		data, err := readRules(name)
		if err != nil {
			return nil, err
		}
		t, problems, err := pattern.Parse(name, data, pattern.Options{Dialect: d, NoSubstitution: o.NoSubstitution})
		for _, p := range problems {
			if e := o.problem(name, p.Line, p.Text, p.Skipped); e != nil && err == nil {
				err = e
			}
		}
		return t, err
	})
}

func openCIDR(name string, o Options) (Table, error) {
	return openWatched([]string{name}, true, o, func() (Table, error) {
		data, err := readRules(name)
		if err != nil {
			return nil, err
		}
		t, problems := cidr.Parse(data)
		for _, p := range problems {
			if e := o.problem(name, p.Line, p.Text, p.Skipped); e != nil && err == nil {
				err = e
			}
		}
		return t, err
	})
}

// maxRules is the most bytes of a table of rules.
const maxRules = 64 << 20

// readRules reads a file of rules; inline rules, `{ {rule}, {rule} … }`, are a file too.
func readRules(name string) ([]byte, error) {
	if data, ok := inlineRules(name); ok {
		return data, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxRules {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxRules)
	}
	return os.ReadFile(name)
}

// inlineRules makes a file of `{ {rule}, {rule} … }` (Postfix 3.7), one rule per line.
func inlineRules(name string) ([]byte, bool) {
	if !strings.HasPrefix(name, "{") {
		return nil, false
	}
	var b strings.Builder
	for _, rule := range list.Split(braced(name)) {
		b.WriteString(strings.ReplaceAll(braced(rule), "\n", " ") + "\n")
	}
	return []byte(b.String()), true
}

// problem tells of a rule; without anybody to tell, one that is left out is an error.
func (o Options) problem(file string, line int, what string, skipped bool) error {
	what = fmt.Sprintf("%s:%d: %s", file, line, what)
	switch {
	case o.Warn != nil:
		o.Warn(what)
	case skipped:
		return fmt.Errorf("%s", what)
	}
	return nil
}

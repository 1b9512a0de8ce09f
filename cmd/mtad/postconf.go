package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
)

const helpPostconf = `usage: postconf [-c DIR] [-dfhHjnopx] [-C CLASS,...] [NAME...]
       postconf [-c DIR] [-ep] NAME=VALUE...
       postconf [-c DIR] -# | -X [-p] NAME...
       postconf [-c DIR] -M [-fjox] [SERVICE[/TYPE]...]
       postconf [-c DIR] -M [-e] SERVICE/TYPE=LINE...
       postconf [-c DIR] -M# | -MX SERVICE/TYPE...
       postconf [-c DIR] -F [-fhHjox] [SERVICE[/TYPE[/FIELD]]...]
       postconf [-c DIR] -F [-e] SERVICE/TYPE/FIELD=VALUE...
       postconf [-c DIR] -P [-fhHjox] [SERVICE[/TYPE[/NAME]]...]
       postconf [-c DIR] -P [-e] SERVICE/TYPE/NAME=VALUE...
       postconf [-c DIR] -PX SERVICE/TYPE/NAME...
       postconf [-c DIR] -b | -t [FILE]
       postconf -a | -A | -l | -m

  (nothing)   all parameters with their values, or those that are named
  -d, -n      default values; only parameters that are set
  -h, -H      values without names; names without values
  -f, -j      long lines folded; a JSON object per line
  -x          values with $name replaced
  -o N=V      set a parameter for this command only
  -C CLASS    parameters of these classes: builtin, service, user, all
  -e, -X, -#  set, delete, comment out: what else is in the file stays as it is
  -M, -F, -P  the services of master.cf: lines, columns, -o settings
  -a, -A      SASL types of server and client
  -l, -m      ways to lock a mailbox; types of lookup tables
  -b, -t      the texts of notices: as they go out, and as templates
  -c DIR      configuration directory
  -p, -v      accepted: main.cf, which is meant anyway; more is not said

Names that nothing knows or uses are warned about on standard error. A new
text is written beside the file and renamed.

Exit code: 0, also after warnings; 1 when it cannot be done.
`

const usagePostconf = "usage: postconf [-c config_dir] [-aAbdefFhHjlmMnpPtvxX#] [-C class] [-o name=value] [name...]"

// postconfOptions are the options as they were given.
type postconfOptions struct {
	letters   string
	overrides []string
	names     []string
	conf.Query
}

func (o *postconfOptions) has(letter byte) bool { return strings.IndexByte(o.letters, letter) >= 0 }

// edits reports whether something shall be changed.
func (o *postconfOptions) edits() bool { return strings.ContainsAny(o.letters, "eX#") }

func postconf(sh *shell, args []string) int {
	given, names, err := getoptFirst(args, "aAbc:C:deFfhHjlmMno:pPtvxX#")
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n", sh.name, err)
		return sh.fail(exFailure, usagePostconf)
	}
	o := &postconfOptions{names: names}
	for _, g := range given {
		if err := sh.postconfOption(o, g); err != nil {
			return sh.fail(exFailure, "%v", err)
		}
	}
	if !o.edits() && !strings.ContainsAny(o.letters, "aAblmt") && slices.ContainsFunc(names, isSetting) {
		o.letters += "e"
	}
	if err := o.together(); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	switch {
	case strings.ContainsAny(o.letters, "aAlm"):
		return sh.postconfList(o)
	case o.has('b'), o.has('t'):
		return sh.postconfTemplates(o)
	case o.edits():
		return sh.postconfEdit(o)
	}
	return sh.postconfShow(o)
}

func isSetting(name string) bool { return strings.Contains(name, "=") }

// postconfOption notes one option.
func (sh *shell) postconfOption(o *postconfOptions, g option) error {
	switch g.letter {
	case 'v', 'p':
		return nil
	case 'c':
		sh.dir = g.value
		return nil
	case 'o':
		if !isSetting(g.value) {
			return fmt.Errorf("invalid parameter override: %s: missing '=' after attribute name", g.value)
		}
		o.overrides = append(o.overrides, g.value)
	case 'C':
		if err := o.class(g.value); err != nil {
			return err
		}
	case 'd':
		o.Defaults = true
	case 'n':
		o.NonDefault = true
	case 'h':
		o.ValueOnly = true
	case 'H':
		o.NameOnly = true
	case 'f':
		o.Fold = true
	case 'j':
		o.JSON = true
	case 'x':
		o.Expand = true
	}
	if !o.has(g.letter) {
		o.letters += string(g.letter)
	}
	return nil
}

// class reads the value of -C.
func (o *postconfOptions) class(value string) error {
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		switch word {
		case "builtin":
			o.Builtin = true
		case "service":
			o.Service = true
		case "user":
			o.User = true
		case "all":
			o.Builtin, o.Service, o.User = true, true, true
		default:
			return fmt.Errorf("unknown -C option value %q in %q", word, value)
		}
	}
	return nil
}

// partners says which options go with each other; each pair stands with the first of its letters.
func partners() map[byte]string {
	return map[byte]string{'M': "foxe#Xj", 'F': "fhHoxej", 'P': "fhHoxeXj",
		'd': "fhHoxCj", 'n': "fhHoxCj", 'f': "hHoxCM", 'h': "oxC", 'H': "oxC", 'o': "xCj", 'x': "Cj", 'C': "j"}
}

// together says which of the options do not go with each other, nil if all do.
func (o *postconfOptions) together() error {
	goes := partners()
	for i := range len(o.letters) {
		for j := range i {
			a, b := o.letters[j], o.letters[i]
			if strings.IndexByte(goes[a], b) < 0 && strings.IndexByte(goes[b], a) < 0 {
				return fmt.Errorf("specify one of -%c -%c", a, b)
			}
		}
	}
	return nil
}

// postconfShow prints parameters or services.
func (sh *shell) postconfShow(o *postconfOptions) int {
	c, err := sh.config(o.overrides...)
	if err != nil && o.has('d') { // what the defaults are needs no configuration
		c, err = conf.Read(conf.Directory(sh.dir, os.Environ()), conf.WithoutFiles(), conf.WithVersion(version, ""))
	}
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	o.Names = o.names
	var lines, warnings []string
	switch {
	case o.has('M'):
		lines, warnings, err = c.MasterLines(o.Query)
	case o.has('F'):
		lines, warnings, err = c.MasterFields(o.Query)
	case o.has('P'):
		lines, warnings, err = c.MasterParameters(o.Query)
	default:
		lines, warnings = c.Postconf(o.Query)
	}
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	if code := sh.lines(lines); code != exOK {
		return code
	}
	for _, w := range warnings {
		sh.warn("%s", w)
	}
	return exOK
}

// lines prints lines.
func (sh *shell) lines(lines []string) int {
	out := bufio.NewWriter(sh.out)
	for _, l := range lines {
		_, _ = out.WriteString(l + "\n") // Flush says what is wrong
	}
	if err := out.Flush(); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	return exOK
}

package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/mtad/mtad/core/conf"
)

const helpPostconf = `usage: postconf [-c DIR] [-d|-n] [-hx] [-o NAME=VALUE] [NAME...]
       postconf [-c DIR] -M | -F | -P

  (nothing)   all parameters with their values, or those that are named
  -d          default values
  -n          only parameters that are set
  -h          values without names
  -x          values with $name replaced
  -o          set a parameter for this command only
  -M, -F, -P  the services of master.cf: lines, columns, -o settings
  -c DIR      configuration directory
  -v          accepted, without effect

Names that nothing knows or uses are warned about on standard error.

Exit code: 0, also after warnings; 1 when there is nothing to show.
`

func postconf(sh *shell, args []string) int {
	opts, names, err := getopt(args, "c:dnhxo:MFPpv")
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n", sh.name, err)
		return sh.fail(exFailure, "usage: postconf [-c config_dir] [-d] [-n] [-h] [-x] [-M] [-F] [-P] [-o name=value] [name...]")
	}
	q := conf.Query{Names: names}
	var overrides []string
	var master byte
	for _, o := range opts {
		switch o.letter {
		case 'c':
			sh.dir = o.value
		case 'd':
			q.Defaults = true
		case 'n':
			q.NonDefault = true
		case 'h':
			q.ValueOnly = true
		case 'x':
			q.Expand = true
		case 'o':
			overrides = append(overrides, o.value)
		case 'M', 'F', 'P':
			master = o.letter
		}
	}
	switch {
	case q.Defaults && q.NonDefault:
		return sh.fail(exFailure, "specify one of -d and -n")
	case master != 0 && len(opts) > 0 && (q.Defaults || q.NonDefault || q.ValueOnly || q.Expand || len(names) > 0):
		return sh.fail(exFailure, "-%c goes with -c only", master)
	}
	c, err := sh.config(overrides...)
	if err != nil && q.Defaults { // what the defaults are needs no configuration
		c, err = conf.Read(conf.Directory(sh.dir, os.Environ()), conf.WithoutFiles(), conf.WithVersion(version, ""))
	}
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	return sh.printConf(c, q, master)
}

func (sh *shell) printConf(c *conf.Config, q conf.Query, master byte) int {
	var lines, warnings []string
	switch master {
	case 'M':
		lines = c.MasterLines()
	case 'F':
		lines = c.MasterFields()
	case 'P':
		lines = c.MasterParameters()
	default:
		lines, warnings = c.Postconf(q)
	}
	out := bufio.NewWriter(sh.out)
	for _, l := range lines {
		out.WriteString(l)
		out.WriteByte('\n')
	}
	if err := out.Flush(); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	for _, w := range warnings {
		sh.warn("%s", w)
	}
	return exOK
}

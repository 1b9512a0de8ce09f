package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const postmultiUsage = "Usage:postmulti -l [-v] [-a] [-g group] [-i instance] | " +
	"postmulti -p [-v] [-a] [-g group] [-i instance] command... | " +
	"postmulti -x [-v] [-a] [-i name] [-g group] command... | " +
	"postmulti -e action [-v] [-a] [-i name] [-g group] [-I name] [-G group] [param=value ...]"

const helpPostmulti = `usage: postmulti -l|-p|-x|-e ACTION [-a|-g GROUP|-i NAME] [ARGUMENTS]

Several mail systems on one host: the primary, of the configuration directory
that -c, MAIL_CONFIG or the default names, and those of its parameter
multi_instance_directories.

  -l         list them: name, group, enabled (y, n), configuration directory
  -p CMD     "postfix CMD" for each; for those that are not enabled a start is
             a check, a stop and a reload nothing; stops go backwards
  -x CMD     run a command for each, with MAIL_CONFIG, config_directory,
             queue_directory, data_directory, multi_instance_name, _group and
             _enable in its environment
  -e ACTION  init      make the primary ready for others
             create    a new one: -I NAME [-G GROUP] [parameter=value...]
             import    take one in: config_directory=DIR; deport lets it go
             enable, disable, assign (-I NAME, -G GROUP): change one
             destroy   remove one that is stopped, disabled and empty
  -a         all of them (the default); -g those of a group; -i one by its name,
             "-" for the primary, or by its directory
  -R         backwards

Exit code: 0 done, 1 not done for one of them.
`

// multi is one run of postmulti.
type multi struct {
	sh   *shell
	all  []*instance // the primary first
	mode byte        // l, p, x or e

	action, name, group       string
	newName, newGroup         string
	hasNewName, hasNewGroup   bool
	backwards, chosen, byName bool
	arguments                 []string
}

func postmulti(sh *shell, args []string) int {
	m := &multi{sh: sh}
	err := m.read(args)
	if err == nil {
		m.all, err = instancesOf(sh)
	}
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	switch m.mode {
	case 'l':
		m.list()
		return exOK
	case 'p':
		return m.postfix()
	case 'x':
		return m.each(m.wanted(), func(in *instance) int { return in.run(sh, m.arguments) })
	}
	if err := m.edit(); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	return exOK
}

// read reads the arguments.
func (m *multi) read(args []string) error {
	opts, rest, err := getoptFirst(args, "ac:e:g:i:G:I:lpRvx")
	if err != nil {
		fmt.Fprintf(m.sh.err, "%s: %v\n", m.sh.name, err)
		return said(postmultiUsage)
	}
	modes := 0
	for _, o := range opts {
		switch o.letter {
		case 'c':
			m.sh.dir = o.value
		case 'l', 'p', 'x':
			m.mode, modes = o.letter, modes+1
		case 'e':
			m.mode, m.action, modes = 'e', o.value, modes+1
		case 'g':
			m.group, m.chosen = o.value, true
		case 'i':
			m.name, m.chosen, m.byName = o.value, true, true
		case 'G':
			m.newGroup, m.hasNewGroup = o.value, true
		case 'I':
			m.newName, m.hasNewName = o.value, true
		case 'R':
			m.backwards = true
		}
	}
	m.arguments = rest
	return m.fits(modes)
}

func (m *multi) fits(modes int) error {
	switch {
	case modes != 1:
		return said("Specify exactly one of '-e', '-l', '-p', '-x'")
	case m.mode == 'l' && len(m.arguments) > 0:
		return said("Command not allowed with '-l'")
	case (m.mode == 'p' || m.mode == 'x') && len(m.arguments) == 0:
		return said("Command required with '-p' or '-x' option")
	case m.mode == 'e' && !slices.Contains(multiActions(), m.action):
		return said("Invalid '-e' edit action '%s'. Specify 'create', 'destroy', 'import', 'deport', 'enable', 'disable', 'assign' or 'init'", m.action)
	}
	return nil
}

func multiActions() []string {
	return []string{"create", "destroy", "import", "deport", "enable", "disable", "assign", "init"}
}

// wanted are the instances that -a, -g or -i choose, in order.
func (m *multi) wanted() []*instance {
	var some []*instance
	for _, in := range m.all {
		if !m.chosen || m.byName && in.is(m.name) || !m.byName && in.group() == m.group {
			some = append(some, in)
		}
	}
	if m.backwards {
		slices.Reverse(some)
	}
	return some
}

func (m *multi) list() {
	for _, in := range m.wanted() {
		enabled := "n"
		if in.enabled() {
			enabled = "y"
		}
		fmt.Fprintf(m.sh.out, "%-15s %-15s %-9s %s\n", orDash(in.name()), orDash(in.group()), enabled, in.dir)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// each runs fn for some instances, all of them even if it fails for one.
func (m *multi) each(some []*instance, fn func(*instance) int) int {
	code := exOK
	for _, in := range some {
		if fn(in) != exOK {
			code = exFailure
		}
	}
	return code
}

// postfix is "postfix COMMAND" for each. Which commands start, stop or control the primary says.
func (m *multi) postfix() int {
	c := m.all[0].cfg
	command := m.arguments[len(m.arguments)-1]
	starts := slices.Contains(c.List("postmulti_start_commands"), command)
	stops := slices.Contains(c.List("postmulti_stop_commands"), command)
	controls := slices.Contains(c.List("postmulti_control_commands"), command)
	some := m.wanted()
	if stops {
		slices.Reverse(some)
	}
	return m.each(some, func(in *instance) int {
		words := m.arguments
		switch {
		case in.enabled():
		case starts:
			words = []string{"check"}
		case stops || controls:
			return exOK
		}
		sh := *m.sh
		sh.name = "postfix"
		return postfix(&sh, append([]string{"-c", in.dir}, words...))
	})
}

// run runs a command for the instance.
func (in *instance) run(sh *shell, words []string) int {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = sh.in, sh.out, sh.err
	cmd.Env = append(os.Environ(), "MAIL_CONFIG="+in.dir, "config_directory="+in.dir)
	for _, name := range []string{"command_directory", "daemon_directory", "queue_directory", "data_directory", "multi_instance_name", "multi_instance_group", "multi_instance_enable"} {
		raw, _, _ := in.cfg.Lookup(name)
		value, err := in.cfg.Expand(raw)
		if err != nil {
			return sh.fail(exFailure, "%s: %v", in.dir, err)
		}
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var exit *exec.ExitError
	switch err := cmd.Run(); {
	case errors.As(err, &exit):
		return exFailure
	case err != nil:
		return sh.fail(exFailure, "%s: %v", filepath.Base(words[0]), err)
	}
	return exOK
}

// wrapper is what "postfix COMMAND" of the primary has done instead, for all instances: the words of
// multi_instance_wrapper; nil when there is none. A configuration directory that is named means that
// instance alone.
func (sh *shell) wrapper() []string {
	if sh.dir != "" || os.Getenv("MAIL_CONFIG") != "" {
		return nil
	}
	c, err := sh.config()
	if err != nil {
		return nil // the command itself will say so
	}
	return strings.Fields(c.String("multi_instance_wrapper"))
}

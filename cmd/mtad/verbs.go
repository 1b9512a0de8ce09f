package main

import (
	"fmt"
	"strings"
)

// verb is one command.
type verb struct {
	name string
	// postfix says that it is also meant when the program is called by this name.
	postfix bool
	// summary is its line in the overview, help what --help prints.
	summary, help string
	// run does it and returns the exit code.
	run func(sh *shell, args []string) int
}

// verbs returns all verbs in the order of the overview.
func verbs() []verb {
	return []verb{
		{"run", false, "run the mail system in the foreground", helpRun, own(runVerb)},
		{"check", false, "say what each parameter that is set does, and what is wrong", helpCheck, own(checkVerb)},
		{"reload", false, "have the daemon read its configuration again", helpReload, reload},
		{"stop", false, "stop the daemon", helpStop, stop},
		{"upgrade", false, "have the daemon replaced by the program that is now in its place", helpUpgrade, upgrade},
		{"status", false, "show what the daemon is doing", helpStatus, showStatus},
		{"why", false, "say why a message waits", helpWhy, whyVerb},
		{"route", false, "say where mail for an address would go", helpRoute, routeVerb},
		{"suspend", false, "send no mail to a destination for a while", helpSuspend, suspendVerb},
		{"resume", false, "send mail to it again", helpResume, resumeVerb},
		{"plugin", false, "make, test, measure and watch plugins", helpPlugin, pluginVerb},
		{"trace", false, "show what plugins do with messages", helpTrace, traceVerb},
		{"console", false, "make an account of the web console", helpConsole, consoleVerb},
		{"dev", false, "load source and sink for tests of speed", helpDev, dev},
		{"sendmail", true, "submit a message", helpSendmail, sendmail},
		{"mailq", true, "list the queue", helpMailq, mailq},
		{"newaliases", true, "bring alias databases up to date", helpNewaliases, newaliases},
		{"postqueue", true, "list or flush the queue", helpPostqueue, postqueue},
		{"postsuper", true, "delete, hold, release, requeue or expire messages", helpPostsuper, postsuper},
		{"postcat", true, "show a message of the queue", helpPostcat, postcat},
		{"qshape", true, "count what waits by domain and age", helpQshape, qshape},
		{"postlog", true, "write to the mail log", helpPostlog, postlog},
		{"postdrop", true, "put a message into the maildrop directory", helpPostdrop, postdrop},
		{"postfix", true, "start, stop, reload or check the mail system", helpPostfix, postfix},
		{"postmulti", true, "several mail systems on one host", helpPostmulti, postmulti},
		{"postmap", true, "build, ask, list or change lookup tables", helpPostmap, postmap},
		{"postalias", true, "the same for alias databases", helpPostalias, postalias},
		{"postconf", true, "show parameters", helpPostconf, postconf},
	}
}

func find(name string) *verb {
	for _, v := range verbs() {
		if v.name == name {
			return &v
		}
	}
	return nil
}

// own makes a verb of a function that reads -c itself.
func own(fn func([]string) int) func(*shell, []string) int {
	return func(sh *shell, args []string) int {
		if sh.dir != "" {
			args = append([]string{"-c", sh.dir}, args...)
		}
		return fn(args)
	}
}

// overview is what "mtad --help" prints.
func overview() string {
	var b strings.Builder
	b.WriteString("usage: mtad [-c DIR] VERB [ARGUMENTS]\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "  %-11s %s\n", v.name, v.summary)
	}
	b.WriteString(`
  -c DIR      configuration directory (else $MAIL_CONFIG, else /etc/mtad)
  -v          print the version
  --help      this text; "mtad VERB --help" tells about a verb

A link to mtad that has a command's name is that command, as in Postfix.
`)
	return b.String()
}

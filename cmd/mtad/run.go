package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/pipeline/master"
)

const exConfig = 78 // the configuration is wrong (sysexits(3))

const helpRun = `usage: mtad [-c DIR] run [-o NAME=VALUE]...

Runs the mail system in the foreground until SIGTERM or SIGINT, which let
sessions and deliveries under way finish, for shutdown_time_limit at most.
SIGHUP reads the configuration again. SIGUSR2 does what "mtad upgrade" does.

  -c DIR         configuration directory: main.cf, master.cf, mtad.toml
  -o NAME=VALUE  a parameter that wins over what the files say; may be repeated

The log goes to maillog_file; without one to standard error or, where that is
the journal of systemd, to syslog. Started by root, mtad keeps
a small process with root's rights, which binds ports, holds private keys and
starts deliveries as the users they are for; everything else runs as mail_owner.
Sockets that systemd opened (LISTEN_FDS) are taken over, by name or address.
Exit code: 0, 64 for wrong arguments, 69 for what could not be done
(an address in use, a directory that cannot be written), 78 for a bad
configuration.
`

// runVerb is "mtad run": the mail system in the foreground.
func runVerb(args []string) int {
	o, code := runOptions(args)
	if code != exOK {
		return code
	}
	load := func() (*conf.Config, error) {
		return conf.Load(o.dir, conf.WithVersion(version, ""), conf.WithOverrides(o.settings...))
	}
	c, err := load()
	if err != nil {
		fmt.Fprintf(os.Stderr, "mtad run: fatal: %v\n", err)
		return exConfig
	}
	for _, w := range worthSaying(c) {
		fmt.Fprintf(os.Stderr, "mtad run: warning: %s\n", w)
	}
	code, err = master.Serve(context.Background(), c, master.Options{Load: load, Stderr: os.Stderr, Syslog: syslogSocket, Version: version})
	if err != nil {
		fmt.Fprintf(os.Stderr, "mtad run: fatal: %v\n", err)
		return exUnavailable
	}
	return code
}

// worthSaying returns the warnings about the configuration. The parent of a worker has said them.
func worthSaying(c *conf.Config) []string {
	if os.Getenv(privsep.Variable) != "" {
		return nil
	}
	return c.Warnings()
}

type runFlags struct {
	dir      string
	settings []string
}

func runOptions(args []string) (o runFlags, code int) {
	given, rest, err := getopt(args, "c:o:")
	if err != nil || len(rest) > 0 {
		fmt.Fprint(os.Stderr, helpRun)
		return o, exUsage
	}
	for _, g := range given {
		switch g.letter {
		case 'c':
			o.dir = g.value
		case 'o':
			o.settings = append(o.settings, g.value)
		}
	}
	o.dir = conf.Directory(o.dir, os.Environ())
	return o, exOK
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/master"
)

const exConfig = 78 // the configuration is wrong (sysexits(3))

const helpRun = `usage: mtad [-c DIR] run [-o NAME=VALUE]...

Runs the mail system in the foreground until SIGTERM or SIGINT, which let
sessions and deliveries under way finish; SIGHUP reads the configuration again.

  -c DIR         configuration directory: main.cf, master.cf, mtad.toml
  -o NAME=VALUE  a parameter that wins over what the files say; may be repeated

The log goes to maillog_file, or to standard error. Started by root, mtad binds
its ports, gives the queue directory to mail_owner and becomes that user for
good. Exit code: 0, 64 for wrong arguments, 69 for what could not be done
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
	for _, w := range c.Warnings() {
		fmt.Fprintf(os.Stderr, "mtad run: warning: %s\n", w)
	}
	m, err := master.New(c, master.Options{Load: load, Stderr: os.Stderr, Version: version})
	if err == nil {
		err = supervise(m)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "mtad run: fatal: %v\n", err)
		return exUnavailable
	}
	return exOK
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

// reloadTime bounds a reload that SIGHUP asked for.
const reloadTime = 5 * time.Minute

// supervise runs m until SIGTERM or SIGINT; SIGHUP reloads. A second SIGTERM ends at once.
func supervise(m *master.Master) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-hup:
			reloadOnSignal(ctx, m)
		case <-ctx.Done():
			stop() // the next signal has its usual effect
			return <-done
		}
	}
}

func reloadOnSignal(ctx context.Context, m *master.Master) {
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	if err := m.Reload(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "mtad run: reload: %v\n", err)
	}
}

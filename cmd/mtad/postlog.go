package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/ctl"
)

const helpPostlog = `usage: postlog [-p PRIORITY] [-t TAG] [TEXT...]

Writes a line to the mail log: TEXT, or each line of standard input. It goes
through the daemon, or with the daemon down to maillog_file, or to standard
error.

  -p PRIORITY  info (unless said), warn, error, fatal or panic
  -t TAG       instead of postlog, for root and the owner of the queue; lines
               of others bear their uid
  -c DIR       configuration directory
  -i, -v       accepted, without effect

Exit code: 0 written, 1 not written.
`

// noteBatch is how many lines of standard input are sent at a time.
const noteBatch = 100

func postlog(sh *shell, args []string) int {
	opts, words, err := getopt(args, "c:ip:t:v")
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n", sh.name, err)
		return sh.fail(exFailure, "usage: postlog [-c config_dir] [-i] [-p priority] [-t tag] [-v] [text]")
	}
	tag, level := "", "info"
	for _, o := range opts {
		switch o.letter {
		case 'c':
			sh.dir = o.value
		case 'p':
			level = o.value
		case 't':
			tag = o.value
		}
	}
	if !slices.Contains(ctl.Levels(), level) {
		return sh.fail(exFailure, "bad severity: %q", level)
	}
	if len(words) > 0 {
		err = sh.note(tag, level, []string{strings.Join(words, " ")})
	} else {
		err = sh.noteLines(tag, level)
	}
	if err != nil {
		return sh.fail(exFailure, "%s", told(err))
	}
	return exOK
}

// noteLines logs standard input.
func (sh *shell) noteLines(tag, level string) error {
	in := bufio.NewScanner(sh.in)
	var lines []string
	for in.Scan() {
		if lines = append(lines, in.Text()); len(lines) < noteBatch {
			continue
		}
		if err := sh.note(tag, level, lines); err != nil {
			return err
		}
		lines = lines[:0]
	}
	if len(lines) > 0 {
		if err := sh.note(tag, level, lines); err != nil {
			return err
		}
	}
	return in.Err()
}

// note logs lines through the daemon, or directly when there is none.
func (sh *shell) note(tag, level string, lines []string) error {
	c, err := sh.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if err = c.Note(context.Background(), tag, level, lines); errors.Is(err, ctl.ErrDown) {
		return sh.noteDirectly(tag, level, lines)
	}
	return err
}

func (sh *shell) noteDirectly(tag, level string, lines []string) error {
	c, err := sh.config()
	if err != nil {
		return err
	}
	if tag == "" {
		tag = "postlog"
	}
	w := sh.err
	if name := c.String("maillog_file"); name != "" && name != "/dev/stderr" {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	host, _, _ := strings.Cut(c.String("myhostname"), ".")
	log := maillog.New(maillog.Options{Writer: w, Name: c.String("syslog_name"), Host: host,
		JSON: c.String("log_format") == "json", Clock: time.Now})
	s := log.Service(tag)
	for _, l := range lines {
		switch level {
		case "info":
			s.Info(l)
		case "warn", "warning":
			s.Warning(l)
		case "error":
			s.Error(l)
		case "panic":
			s.Panic(l)
		default:
			s.Fatal(l)
		}
	}
	log.Flush()
	if n := log.Lost(); n > 0 {
		return fmt.Errorf("%d lines could not be written", n)
	}
	return nil
}

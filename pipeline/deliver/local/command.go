package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/spawn"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/pipe"
)

// command runs a command that an alias, a .forward or an :include: file names.
func (x *expansion) command(ctx context.Context, s state, kind deliver.Kind, text string, u *User) {
	if !x.o.Commands.has(kind) {
		x.failed(&s, restricted("command", "allow_mail_to_commands"))
		return
	}
	u, err := x.rightsOr(ctx, u)
	if err != nil {
		x.failed(&s, err)
		return
	}
	x.run(ctx, s, kind, text, u)
}

// run runs a command with the rights of a user, once for equal ones.
func (x *expansion) run(ctx context.Context, s state, kind deliver.Kind, text string, u *User) {
	x.attempt(&s, fmt.Sprintf("command %d %s", u.UID, text), func() (string, error) {
		if x.req.Entry.Probe() {
			return "delivers to command: " + text, nil
		}
		dir, err := x.directory(&s, u)
		if err != nil {
			return "", misconfigured(err)
		}
		c := &deliver.Command{
			Kind: kind, Service: x.req.Transport, As: u.as(), Argv: Argv(text, x.o.Shell), Env: x.environment(&s, u), Directory: dir,
			Feed: func(w io.Writer) error { return pipe.Feed(w, x.head(&s), x.text) },
		}
		if _, err := pipe.Judge(ctx, x.o.Runner, c, x.o.TimeLimit, text); err != nil {
			return "", err
		}
		return "delivered to command: " + text, nil
	})
}

// directory is where a command starts.
func (x *expansion) directory(s *state, u *User) (string, error) {
	if x.o.ExecutionDirectory == "" {
		return x.o.WorkDirectory, nil
	}
	m := x.macros(s)
	m["home"], m["shell"] = u.Home, u.Shell
	return m.expand(x.o.ExecutionDirectory, x.o.Filters.Directory)
}

// plain are the characters of commands that need no shell, beside space and tab.
const plain = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// Argv returns the arguments that run a command as its text says: its words, when it has no character
// that means something to a shell and names a program; else those of /bin/sh -c. With shell
// (local_command_shell) the command is the last argument of that.
func Argv(text, shell string) []string {
	if shell != "" {
		return append(strings.Fields(shell), text)
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) > 0 && strings.Trim(text, plain+" \t") == "" && censor(text, plain+" \t") == text {
		if _, err := spawn.Find(words[0]); !errors.Is(err, os.ErrNotExist) {
			return words
		}
	}
	return []string{"/bin/sh", "-c", text}
}

// head is what a command gets before the message.
func (x *expansion) head(s *state) []byte {
	sender := s.sender
	if sender == "" {
		sender = "MAILER-DAEMON"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "From %s  %s\n", sender, x.at.Begun.Local().Format(time.ANSIC))
	fmt.Fprintf(&b, "Return-Path: <%s>\n", s.sender)
	if x.o.Original {
		fmt.Fprintf(&b, "X-Original-To: %s\n", original(x.top))
	}
	if x.o.DeliveredCommand {
		fmt.Fprintf(&b, "Delivered-To: %s\n", x.top.Address)
	}
	return b.Bytes()
}

// environment is that of a command. What a stranger wrote is censored.
func (x *expansion) environment(s *state, u *User) []string {
	env := append([]string(nil), x.o.Environment...)
	set := func(name, value string) {
		if value != "" {
			env = append(env, name+"="+censor(value, x.o.Filters.Command))
		}
	}
	if u.Home != "" {
		env = append(env, "HOME="+u.Home)
	}
	set("LOGNAME", u.Name)
	set("USER", u.Name)
	if u.Shell != "" {
		env = append(env, "SHELL="+u.Shell)
	}
	sender := s.sender
	if sender == "" {
		sender = "MAILER-DAEMON"
	}
	o := &x.req.Entry.Origin
	set("SENDER", addr.Internal(sender))
	set("RECIPIENT", addr.Internal(s.address))
	set("ORIGINAL_RECIPIENT", addr.Internal(original(x.top)))
	set("LOCAL", s.local)
	set("EXTENSION", s.extension)
	set("DOMAIN", addr.Domain(s.address))
	set("CLIENT_HOSTNAME", o.ClientName)
	if o.Client.IsValid() {
		set("CLIENT_ADDRESS", o.Client.Addr().Unmap().String())
	}
	set("CLIENT_HELO", o.Helo)
	set("CLIENT_PROTOCOL", o.Protocol())
	set("SASL_METHOD", o.SASLMethod)
	set("SASL_SENDER", o.SASLSender)
	set("SASL_USERNAME", o.SASLUser)
	return env
}

package pipe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Command is what the attributes of a pipe service say (pipe(8), "COMMAND ATTRIBUTE SYNTAX").
type Command struct {
	flags flags
	// user and group are the two parts of user=; group is "" for that of the user.
	user, group string
	// directory and chroot are "" when not given; eol is never "".
	directory, chroot, eol string
	// sizeLimit is in bytes, 0 for none.
	sizeLimit  int64
	nullSender string
	argv       []argument
}

// Parse reads the attributes of a service: the arguments behind "pipe" in master.cf, without
// options. Its errors name the attribute.
func Parse(args []string) (Command, error) {
	c := Command{eol: "\n", nullSender: "MAILER-DAEMON"}
	for i, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return c, fmt.Errorf("%q is no attribute: name=value expected", arg)
		}
		if name == "argv" {
			return c.withArgv(append([]string{value}, args[i+1:]...))
		}
		if err := c.set(name, value); err != nil {
			return c, err
		}
	}
	return c, errors.New("argv= is missing: it must be the last attribute")
}

func (c *Command) set(name, value string) (err error) {
	switch name {
	case "flags":
		c.flags, err = parseFlags(value)
	case "user":
		err = c.setUser(value)
	case "directory":
		c.directory = value
	case "chroot":
		c.chroot = value
	case "null_sender":
		c.nullSender = value
	case "eol":
		c.eol, err = unescape(value)
	case "size":
		if c.sizeLimit, err = strconv.ParseInt(value, 10, 64); err != nil || c.sizeLimit <= 0 {
			err = fmt.Errorf("size=%s: a number of bytes expected", value)
		}
	default:
		err = fmt.Errorf("%s= is no attribute of pipe", name)
	}
	return err
}

func (c *Command) setUser(value string) error {
	user, group, ok := strings.Cut(value, ":")
	if user == "" || ok && group == "" {
		return fmt.Errorf("user=%s: a user or user:group expected", value)
	}
	c.user, c.group = user, group
	return nil
}

// withArgv reads argv=, and looks at what only the whole can say.
func (c Command) withArgv(words []string) (Command, error) {
	if words[0] == "" {
		words = words[1:]
	}
	if len(words) == 0 || words[0] == "" {
		return c, errors.New("argv= names no command")
	}
	if c.user == "" {
		return c, errors.New("user= is missing")
	}
	for _, w := range words {
		a, err := parseArgument(w)
		if err != nil {
			return c, fmt.Errorf("argv: %w", err)
		}
		c.argv = append(c.argv, a)
	}
	if !c.argv[0].literal() {
		return c, fmt.Errorf("argv: the command %q must not depend on the message", words[0])
	}
	return c, nil
}

// path is the program as argv= names it; texts about it quote it.
func (c *Command) path() string { return c.argv[0].expand(nil) }

// unescape reads the C-style escapes of eol=.
func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", fmt.Errorf("eol=%s: nothing follows the backslash", s)
		}
		if at := strings.IndexByte(`abfnrtv\`, s[i]); at >= 0 {
			b.WriteByte("\a\b\f\n\r\t\v\\"[at])
			continue
		}
		n := i
		for n < len(s) && n < i+3 && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		code, err := strconv.ParseUint(s[i:n], 8, 8)
		if err != nil {
			return "", fmt.Errorf("eol=%s: \\%c is no escape", s, s[i])
		}
		b.WriteByte(byte(code))
		i = n - 1
	}
	if b.Len() == 0 {
		return "", errors.New("eol= is empty")
	}
	return b.String(), nil
}

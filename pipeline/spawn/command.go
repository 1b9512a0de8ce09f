package spawn

import (
	"errors"
	"fmt"
	"strings"
)

// Command is what the attributes of a service say (spawn(8), "COMMAND ATTRIBUTE SYNTAX").
type Command struct {
	// User and Group are the two parts of user=; Group is "" for that of the user.
	User, Group string
	// Argv are the arguments; the first is the program.
	Argv []string
}

// Parse reads the attributes of a service: the arguments behind "spawn" in master.cf, without
// options. Its errors name the attribute.
func Parse(args []string) (c Command, err error) {
	for i, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case !ok:
			return c, fmt.Errorf("%q is no attribute: name=value expected", arg)
		case name == "argv":
			return c.withArgv(append([]string{value}, args[i+1:]...))
		case name == "user":
			group := false
			if c.User, c.Group, group = strings.Cut(value, ":"); c.User == "" || group && c.Group == "" {
				return c, fmt.Errorf("user=%s: a user or user:group expected", value)
			}
		default:
			return c, fmt.Errorf("%s= is no attribute of spawn", name)
		}
	}
	return c, errors.New("argv= is missing: it must be the last attribute")
}

func (c Command) withArgv(words []string) (Command, error) {
	if words[0] == "" {
		words = words[1:]
	}
	switch {
	case len(words) == 0 || words[0] == "":
		return c, errors.New("argv= names no command")
	case c.User == "":
		return c, errors.New("user= is missing")
	}
	c.Argv = words
	return c, nil
}

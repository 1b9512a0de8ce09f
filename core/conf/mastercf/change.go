package mastercf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/list"
)

// ParseService reads one logical line, whatever the program's name is. The error names the first thing
// that is wrong with it.
func ParseService(line string) (Service, error) {
	services, problems := Parse("", []byte(strings.ReplaceAll(line, "\n", " ")), Defaults{AnyProgram: true})
	switch {
	case len(problems) > 0:
		return Service{}, problems[0]
	case len(services) != 1:
		return Service{}, fmt.Errorf("bad field count: %q", line)
	}
	return services[0], nil
}

// Columns returns the names of the columns as postconf -F has them, the command being the last.
func Columns() []string { return append(slices.Clone(columnNames[:]), "command") }

// SetField returns the service with another text in a column; "command" is the program and all that
// follows it. The error says why the service would be none then.
func (s *Service) SetField(name, text string) (Service, error) {
	columns := s.columns
	command := s.command()
	switch i := slices.Index(columnNames[:], name); {
	case name == "command":
		command = text
	case i < 0:
		return Service{}, fmt.Errorf("invalid service attribute name: %q", name)
	case len(strings.Fields(text)) != 1:
		return Service{}, fmt.Errorf("-Fe accepts one word in the field %s, not %q", name, text)
	default:
		columns[i] = text
	}
	return ParseService(strings.Join(columns[:], " ") + " " + command)
}

// command is the program with its arguments.
func (s *Service) command() string {
	return strings.Join(append([]string{s.Program}, s.arguments...), " ")
}

// ownArguments is the index of the first argument that is the program's own.
func (s *Service) ownArguments() int {
	i := 0
	for i < len(s.arguments) && strings.HasPrefix(s.arguments[i], "-") && len(s.arguments[i]) > 1 {
		if s.arguments[i] == "-o" {
			i++
		}
		i++
	}
	return min(i, len(s.arguments))
}

// overrideName returns the name that the argument of -o at index i sets, "" for another argument.
func (s *Service) overrideName(i int) string {
	if i >= s.ownArguments() || i+1 >= len(s.arguments) || s.arguments[i] != "-o" {
		return ""
	}
	text, _ := list.Payload(s.arguments[i+1])
	name, _, _ := strings.Cut(text, "=")
	return name
}

// SetOverride returns the service with -o name=value, in the place where the name is set first or
// behind the other options.
func (s *Service) SetOverride(name, value string) (Service, error) {
	setting := []string{"-o", quote(name + "=" + value)}
	var arguments []string
	done := false
	for i := 0; i < len(s.arguments); i++ {
		if i == s.ownArguments() && !done {
			arguments, done = append(arguments, setting...), true
		}
		if s.overrideName(i) != name {
			arguments = append(arguments, s.arguments[i])
			continue
		}
		if i++; !done {
			arguments, done = append(arguments, setting...), true
		}
	}
	if !done {
		arguments = append(arguments, setting...)
	}
	return s.withArguments(arguments)
}

// DropOverride returns the service without the -o settings of names that match.
func (s *Service) DropOverride(match func(name string) bool) (changed Service, dropped bool, err error) {
	var arguments []string
	for i := 0; i < len(s.arguments); i++ {
		if name := s.overrideName(i); name != "" && match(name) {
			i++
			dropped = true
			continue
		}
		arguments = append(arguments, s.arguments[i])
	}
	changed, err = s.withArguments(arguments)
	return changed, dropped, err
}

func (s *Service) withArguments(arguments []string) (Service, error) {
	return s.SetField("command", strings.Join(append([]string{s.Program}, arguments...), " "))
}

// Column returns what stands in a column, as postconf -F names it: "-" for a default.
func (s *Service) Column(name string) string {
	if i := slices.Index(columnNames[:], name); i >= 0 {
		return s.columns[i]
	}
	return s.command()
}

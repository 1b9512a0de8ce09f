package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/edit"
	"github.com/mtad/mtad/core/conf/mastercf"
)

// postconfEdit is postconf -e, -X and -#, of main.cf or with -M, -F and -P of master.cf.
func (sh *shell) postconfEdit(o *postconfOptions) int {
	if len(o.names) == 0 {
		return sh.fail(exFailure, "-e, -X or -# requires an argument")
	}
	change, file := o.editMain, "main.cf"
	if strings.ContainsAny(o.letters, "MFP") {
		change, file = sh.editMaster(o), "master.cf"
	}
	path := filepath.Join(conf.Directory(sh.dir, os.Environ()), file)
	if err := edit.File(path, change); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	if file == "main.cf" {
		sh.warnOfLaterLayers(o)
	}
	return exOK
}

// editMain changes main.cf.
func (o *postconfOptions) editMain(old []byte) ([]byte, error) {
	if o.has('e') {
		var settings []edit.Setting
		for _, text := range o.names {
			s, err := edit.ParseSetting(text)
			if err != nil {
				return nil, err
			}
			settings = append(settings, s)
		}
		return edit.Set(old, settings), nil
	}
	var names []string
	for _, name := range o.names {
		if err := checkNoSetting(name); err != nil {
			return nil, err
		}
		names = append(names, strings.TrimSpace(name))
	}
	if o.has('X') {
		return edit.Delete(old, names), nil
	}
	return edit.Comment(old, names), nil
}

func checkNoSetting(name string) error {
	if isSetting(name) {
		return fmt.Errorf("specify one of -e -X: %q", name)
	}
	return edit.CheckName(name)
}

// warnOfLaterLayers says when what was changed in main.cf does not count, because mtad.toml or the
// environment sets it too.
func (sh *shell) warnOfLaterLayers(o *postconfOptions) {
	c, err := sh.config()
	if err != nil {
		return // the edit is done; check says what is wrong
	}
	for _, text := range o.names {
		name, _, _ := strings.Cut(text, "=")
		name = strings.TrimSpace(name)
		if _, origin, set := c.Lookup(name); set && (origin.Layer == conf.TOML || origin.Layer == conf.Environment) {
			sh.warn("%s: %s sets it too, and wins", name, origin)
		}
	}
}

// editMaster returns the function that changes master.cf, one argument after the other.
func (sh *shell) editMaster(o *postconfOptions) func([]byte) ([]byte, error) {
	return func(data []byte) (_ []byte, err error) {
		for _, text := range o.names {
			if data, err = sh.editService(o, data, text); err != nil {
				return nil, err
			}
		}
		return data, nil
	}
}

// editService does what one argument asks for.
func (sh *shell) editService(o *postconfOptions, data []byte, text string) ([]byte, error) {
	parts, value := 3, ""
	if o.has('M') {
		parts = 2
	}
	if o.has('e') {
		s, err := edit.ParseSetting(text)
		if err != nil {
			return nil, err
		}
		text, value = s.Name, s.Value
	} else if err := checkNoSetting(text); err != nil {
		return nil, err
	}
	p, err := edit.ParsePattern(text, parts, parts)
	if err != nil {
		return nil, err
	}
	change, err := o.serviceChange(p, value)
	if err != nil {
		return nil, err
	}
	found := false
	out, err := edit.Services(data, p.Matches, func(s *mastercf.Service) (edit.Fate, string, error) {
		fate, text, err := change(s)
		found = found || fate != edit.Keep
		return fate, text, err
	})
	switch {
	case err != nil:
		return nil, err
	case !found && o.has('M') && o.has('e'):
		_, text, err := change(nil)
		return edit.Append(out, text), err
	case !found:
		sh.warn("unmatched service_name/type: %q", text)
	}
	return out, nil
}

type serviceChange = func(*mastercf.Service) (edit.Fate, string, error)

// serviceChange returns what becomes of a service that the pattern names.
func (o *postconfOptions) serviceChange(p edit.Pattern, value string) (serviceChange, error) {
	switch {
	case o.has('M') && o.has('X'):
		return func(*mastercf.Service) (edit.Fate, string, error) { return edit.Remove, "", nil }, nil
	case o.has('M') && o.has('#'):
		return func(*mastercf.Service) (edit.Fate, string, error) { return edit.CommentOut, "", nil }, nil
	case o.has('M'):
		return replaceService(value)
	case o.has('F'):
		return setField(p.Name, value)
	case o.has('X'):
		return func(s *mastercf.Service) (edit.Fate, string, error) {
			changed, dropped, err := s.DropOverride(p.MatchesName)
			if !dropped {
				return edit.Keep, "", err
			}
			return edit.Replace, changed.Fold() + "\n", err
		}, nil
	}
	if strings.ContainsAny(value, " \t") {
		return nil, fmt.Errorf("-Pe does not accept whitespace in parameter value")
	}
	return func(s *mastercf.Service) (edit.Fate, string, error) {
		changed, err := s.SetOverride(p.Name, value)
		return edit.Replace, changed.Fold() + "\n", err
	}, nil
}

// replaceService puts a new line in the place of the first service, and removes the others of the
// name.
func replaceService(line string) (serviceChange, error) {
	s, err := mastercf.ParseService(line)
	if err != nil {
		return nil, err
	}
	fate := edit.Replace
	return func(*mastercf.Service) (edit.Fate, string, error) {
		now := fate
		fate = edit.Remove
		return now, s.Fold() + "\n", nil
	}, nil
}

func setField(name, value string) (serviceChange, error) {
	if !slices.Contains(mastercf.Columns(), name) {
		return nil, fmt.Errorf("invalid service attribute name: %q", name)
	}
	return func(s *mastercf.Service) (edit.Fate, string, error) {
		changed, err := s.SetField(name, value)
		return edit.Replace, changed.Fold() + "\n", err
	}, nil
}

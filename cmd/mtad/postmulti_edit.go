package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/edit"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// edit does what -e asks for.
func (m *multi) edit() error {
	primary := m.all[0]
	if m.action == "init" {
		return primary.set(edit.Setting{Name: "multi_instance_wrapper", Value: "${command_directory}/postmulti -p --"},
			edit.Setting{Name: "multi_instance_enable", Value: "yes"})
	}
	if primary.cfg.String("multi_instance_wrapper") == "" {
		return said("multi_instance_wrapper is empty, run 'postmulti -e init' first.")
	}
	switch m.action {
	case "create":
		return m.create()
	case "import":
		return m.take()
	}
	in, err := m.one()
	if err != nil {
		return err
	}
	switch m.action {
	case "enable":
		return in.set(edit.Setting{Name: "multi_instance_enable", Value: "yes"})
	case "disable":
		return in.set(edit.Setting{Name: "multi_instance_enable", Value: "no"})
	case "assign":
		return m.assign(in)
	}
	if in == primary {
		return fmt.Errorf("the primary instance %s cannot leave", in.dir)
	}
	if m.action == "destroy" {
		return m.destroy(in)
	}
	if err := in.stopped(); err != nil {
		return err
	}
	return m.remember(func(dirs []string) []string { return without(dirs, in.dir) })
}

func without(list []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == word })
}

// one is the instance that -i names.
func (m *multi) one() (*instance, error) {
	if !m.byName {
		return nil, fmt.Errorf("'-e %s' needs '-i name'", m.action)
	}
	some := m.wanted()
	if len(some) != 1 {
		return nil, said("No instance named %s", m.name)
	}
	return some[0], nil
}

func (in *instance) set(settings ...edit.Setting) error {
	return edit.File(filepath.Join(in.dir, "main.cf"), func(old []byte) ([]byte, error) { return edit.Set(old, settings), nil })
}

// remember changes the primary's list of directories.
func (m *multi) remember(change func([]string) []string) error {
	p := m.all[0]
	return p.set(edit.Setting{Name: "multi_instance_directories", Value: strings.Join(change(p.cfg.List("multi_instance_directories")), " ")})
}

// checkNewName looks at -I: what log lines begin with.
func (m *multi) checkNewName() error {
	if !m.hasNewName || m.newName == "-" {
		return nil
	}
	if !strings.HasPrefix(m.newName, "postfix-") && !strings.HasPrefix(m.newName, "mtad-") {
		return said("New instance name must start with 'postfix-'")
	}
	if strings.ContainsAny(m.newName, "/ \t\r\n") {
		return fmt.Errorf("bad instance name: %q", m.newName)
	}
	return nil
}

// names are the settings that -I and -G make; "-" is none.
func (m *multi) names() (settings []edit.Setting) {
	if m.hasNewName {
		settings = append(settings, edit.Setting{Name: "multi_instance_name", Value: strings.TrimPrefix(m.newName, "-")})
	}
	if m.hasNewGroup {
		settings = append(settings, edit.Setting{Name: "multi_instance_group", Value: strings.TrimPrefix(m.newGroup, "-")})
	}
	return settings
}

func (m *multi) assign(in *instance) error {
	if err := m.checkNewName(); err != nil {
		return err
	}
	return in.set(m.names()...)
}

// given reads the arguments PARAMETER=VALUE, and takes config_directory out of them.
func (m *multi) given() (dir string, settings []edit.Setting, err error) {
	for _, text := range m.arguments {
		s, err := edit.ParseSetting(text)
		if err != nil || strings.HasPrefix(text, "-") {
			return "", nil, said("Malformed parameter setting '%s'", text)
		}
		if s.Name == "config_directory" {
			dir = s.Value
			continue
		}
		settings = append(settings, s)
	}
	return dir, settings, nil
}

// create makes a new instance beside the primary: disabled, without services on the network, and with
// the primary's services otherwise.
func (m *multi) create() (err error) {
	primary := m.all[0]
	if err := m.checkNewName(); err != nil {
		return err
	}
	dir, given, err := m.given()
	if err != nil {
		return err
	}
	beside := func(place string) string { return filepath.Join(filepath.Dir(place), m.newName) }
	if dir == "" && m.hasNewName {
		dir = beside(primary.dir)
	}
	if dir == "" {
		return said("Missing config_directory parameter value")
	}
	settings := []edit.Setting{{Name: "compatibility_level", Value: primary.cfg.String("compatibility_level")},
		{Name: "master_service_disable", Value: "inet"}, {Name: "authorized_submit_users", Value: ""}}
	if m.hasNewName {
		for _, name := range []string{"queue_directory", "data_directory"} {
			settings = append(settings, edit.Setting{Name: name, Value: beside(primary.cfg.String(name))})
		}
	}
	settings = append(append(settings, m.names()...), given...)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := m.fill(dir, settings); err != nil {
		return errors.Join(err, os.RemoveAll(dir)) // it was made a moment ago
	}
	return m.remember(func(dirs []string) []string { return append(dirs, dir) })
}

// fill writes the files of a new instance and looks whether it gets into another's way.
func (m *multi) fill(dir string, settings []edit.Setting) error {
	primary := m.all[0]
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), edit.Set(nil, settings), 0o644); err != nil {
		return err
	}
	services, err := os.ReadFile(filepath.Join(primary.dir, "master.cf"))
	switch {
	case err == nil:
		err = os.WriteFile(filepath.Join(dir, "master.cf"), services, 0o644)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return err
	}
	in, err := readInstance(dir)
	if err != nil {
		return err
	}
	return in.fits(m.all)
}

func (in *instance) fits(all []*instance) error {
	for _, other := range all {
		if err := in.conflict(other); err != nil {
			return err
		}
	}
	return nil
}

// take is import: an instance that is there already.
func (m *multi) take() error {
	if err := m.checkNewName(); err != nil {
		return err
	}
	dir, rest, err := m.given()
	switch {
	case err != nil:
		return err
	case dir == "":
		return said("Missing config_directory parameter value")
	case len(rest) > 0:
		return said("Parameter setting not allowed with '-e import': %s", rest[0].Name)
	}
	in, err := readInstance(dir)
	if err != nil {
		return err
	}
	if err := in.fits(m.all); err != nil {
		return err
	}
	if settings := m.names(); len(settings) > 0 {
		if err := in.set(settings...); err != nil {
			return err
		}
	}
	return m.remember(func(dirs []string) []string { return append(dirs, dir) })
}

// stopped is an error while the instance runs.
func (in *instance) stopped() error {
	c := ctl.NewClient(in.cfg.String("control_socket"))
	defer c.Close()
	if _, err := c.Status(context.Background()); !errors.Is(err, ctl.ErrDown) {
		return said("Instance '%s' is not stopped", in.dir)
	}
	return nil
}

// destroy removes an instance that has no mail: what mtad made in its directories, and they themselves if
// nothing else is in them.
func (m *multi) destroy(in *instance) error {
	if in.enabled() {
		return said("Instance '%s' is not disabled", in.dir)
	}
	if err := errors.Join(in.stopped(), in.empty()); err != nil {
		return err
	}
	if err := m.remember(func(dirs []string) []string { return without(dirs, in.dir) }); err != nil {
		return err
	}
	q := in.cfg.String("queue_directory")
	for _, name := range []string{"store", "maildrop", "public", "private", "pid"} {
		if err := os.RemoveAll(filepath.Join(q, name)); err != nil {
			return err
		}
	}
	for _, name := range []string{"main.cf", "master.cf"} {
		if err := os.Remove(filepath.Join(in.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, dir := range []string{q, in.cfg.String("data_directory"), in.dir} {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.sh.warn("left as it is: %v", err)
		}
	}
	return nil
}

// empty is an error while mail waits.
func (in *instance) empty() error {
	waiting := said("Instance '%s': its queue is not empty", in.dir)
	if names, err := os.ReadDir(dropDir(in.cfg)); err == nil && len(names) > 0 {
		return waiting
	}
	off, err := openOffline(in.cfg, false)
	if errors.Is(err, errNoQueue) {
		return nil
	}
	if err != nil {
		return err
	}
	n := 0
	err = off.List(context.Background(), func(*queue.Entry, *queue.Record) bool { n++; return false })
	if err = errors.Join(err, off.close()); err != nil || n == 0 {
		return err
	}
	return waiting
}

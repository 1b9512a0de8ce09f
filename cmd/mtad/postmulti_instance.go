package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/mtad/mtad/core/conf"
)

// instance is one mail system of a host.
type instance struct {
	dir string
	cfg *conf.Config
}

// instancesOf reads the primary and all that it names.
func instancesOf(sh *shell) ([]*instance, error) {
	primary, err := readInstance(conf.Directory(sh.dir, os.Environ()))
	if err != nil {
		return nil, err
	}
	all := []*instance{primary}
	for _, dir := range primary.cfg.List("multi_instance_directories") {
		in, err := readInstance(dir)
		if err != nil {
			return nil, err
		}
		for _, other := range all {
			if err := in.conflict(other); err != nil {
				return nil, err
			}
		}
		all = append(all, in)
	}
	return all, nil
}

func readInstance(dir string) (*instance, error) {
	c, err := conf.Read(dir, conf.WithVersion(version, ""))
	if err != nil {
		return nil, err
	}
	return &instance{dir: dir, cfg: c}, nil
}

func (in *instance) name() string  { return in.cfg.String("multi_instance_name") }
func (in *instance) group() string { return in.cfg.String("multi_instance_group") }
func (in *instance) enabled() bool { return in.cfg.Bool("multi_instance_enable") }

// is reports whether -i NAME means the instance.
func (in *instance) is(name string) bool { return orDash(in.name()) == name || in.dir == name }

// conflict is what two instances must not share.
func (in *instance) conflict(other *instance) error {
	if name := in.name(); name != "" && name == other.name() {
		return fmt.Errorf("instance %s, multi_instance_name=%s conflicts with instance %s, multi_instance_name=%s", in.dir, name, other.dir, name)
	}
	for mine, a := range in.places() {
		for theirs, b := range other.places() {
			if a == b {
				return fmt.Errorf("instance %s, %s=%s conflicts with instance %s, %s=%s", in.dir, mine, a, other.dir, theirs, b)
			}
		}
	}
	return nil
}

// places are the directories that are an instance's alone.
func (in *instance) places() map[string]string {
	return map[string]string{"config_directory": filepath.Clean(in.dir),
		"queue_directory": filepath.Clean(in.cfg.String("queue_directory")), "data_directory": filepath.Clean(in.cfg.String("data_directory"))}
}

// saying is an error in Postfix's words, which begin with a capital.
type saying string

// Error is the words.
func (s saying) Error() string { return string(s) }

func said(format string, args ...any) error { return saying(fmt.Sprintf(format, args...)) }

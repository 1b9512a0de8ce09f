package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mtad/mtad/plugins"
)

const helpPluginNew = `usage: mtad plugin new --lang go|c|cc|rust|as|zig DIR

Makes a folder with a first filter: its source, the SDK of its language, a
README, a transcript and a Makefile. "make" builds filter.wasm there, "make
test" plays the transcript against it (with this program: MTAD names another).
The folder needs nothing of mtad's source and no network. README.md says which
compiler it takes. DIR must not exist, or be empty.

Exit code: 0 done, 1 not written.
`

func (sh *shell) pluginNew(_ context.Context, args []string) int {
	f := flag.NewFlagSet("new", flag.ContinueOnError)
	lang := f.String("lang", "", "")
	rest, err := mixed(f, args)
	names, _ := plugins.Languages()
	switch {
	case err != nil:
	case *lang == "":
		err = fmt.Errorf("which language? --lang %s", strings.Join(names, "|"))
	case len(rest) != 1:
		err = errors.New("one directory expected")
	}
	if err != nil {
		return sh.usage(err)
	}
	files, err := plugins.Starter(*lang)
	if err != nil {
		return sh.usage(err)
	}
	if err := writeFolder(rest[0], files); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	fmt.Fprintf(sh.out, "%s: a filter to start from; \"make -C %s test\" builds and tests it, README.md says what it needs\n", rest[0], rest[0])
	return exOK
}

// writeFolder writes files into a directory that is new or empty.
func writeFolder(dir string, files []plugins.File) error {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return fmt.Errorf("%s is not empty", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, f.Mode); err != nil {
			return err
		}
	}
	return nil
}

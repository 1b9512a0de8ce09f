package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/core/table/build"
	"github.com/mtad/mtad/core/table/source"
)

const helpPostmap = `usage: postmap [-bfhimnNoprsuUvw] [-c DIR] [-d KEY] [-q KEY] [TYPE:]FILE...

Builds the index FILE.mdx of a table's text (types hash, btree, lmdb, cdb, dbm
and sdbm), or asks, lists or changes tables. Without TYPE it is
default_database_type.

  -q KEY      print the value of KEY; "-q -" reads keys from standard input and
              prints those that are found with their values
  -b, -h, -m  with "-q -": standard input is a message; ask for its body lines,
              its headers, and the headers of its MIME parts
  -s          print all keys and values
  -d KEY      delete KEY; "-d -" reads keys from standard input
  -i          add entries from standard input
  -r, -w      with a key that is there already: replace it; keep it silently
  -p          do not give the index the permissions of the text
  -c DIR      configuration directory
  -v          say what is done
  -f, -n, -N, -o, -u, -U
              accepted, without effect: keys are always folded and have no
              null byte, and no privilege is kept or needed

Exit code: 0 done or found, 1 not found or failed.
`

const helpPostalias = `usage: postalias [-fhinNoprsuUvw] [-c DIR] [-d KEY] [-q KEY] [TYPE:]FILE...

Builds the index FILE.mdx of an aliases(5) text, "name: value", or asks, lists
or changes alias databases. The options are those of postmap but for -b, -h
and -m.

Exit code: 0 done or found, 1 not found or failed.
`

// tableJob is one run of postmap or postalias.
type tableJob struct {
	sh     *shell
	format source.Format
	specs  []string
	tables table.Options
	build  build.Options

	query, remove         string
	hasQuery, hasRemove   bool
	insert, dump, verbose bool
	body, header, mime    bool
}

func postmap(sh *shell, args []string) int {
	return sh.tableJob(source.Map, "bc:d:fhimnNopq:rsuUvw", args)
}

func postalias(sh *shell, args []string) int {
	return sh.tableJob(source.Aliases, "c:d:finNopq:rsuUvw", args)
}

func (sh *shell) tableJob(format source.Format, letters string, args []string) int {
	m := &tableJob{sh: sh, format: format}
	opts, specs, err := getopt(args, letters)
	if err == nil {
		err = m.set(opts)
	}
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n", sh.name, err)
	}
	if err != nil || len(specs) == 0 {
		return sh.fail(exFailure, "usage: %s [-%s] [-c config_dir] [-d key] [-q key] [map_type:]file...", sh.name,
			strings.NewReplacer("c:", "", "d:", "", "q:", "").Replace(letters))
	}
	m.specs = specs
	if err := m.check(); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	c, err := sh.config()
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	m.tables = table.Options{
		Default: c.String("default_database_type"), Aliases: format == source.Aliases,
		Warn: func(text string) { sh.warn("%s", text) },
		Parameter: func(name string) (string, bool) {
			v, _, set := c.Lookup(name)
			return v, set
		},
	}
	code, err := m.run()
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	return code
}

// set notes the options.
func (m *tableJob) set(opts []option) error {
	m.build.Format = m.format
	m.build.Warn = func(text string) { m.sh.warn("%s", text) }
	m.build.Progress = func(n int) { fmt.Fprintf(m.sh.err, "%s: %d entries\n", m.sh.name, n) }
	for _, o := range opts {
		switch o.letter {
		case 'c':
			m.sh.dir = o.value
		case 'q':
			if m.hasQuery {
				return fmt.Errorf("specify only one of -s -q or -d")
			}
			m.query, m.hasQuery = o.value, true
		case 'd':
			m.remove, m.hasRemove = o.value, true
		case 's':
			m.dump = true
		case 'i':
			m.insert = true
		case 'r':
			m.build.Twice = build.Replace
		case 'w':
			m.build.Twice = build.Keep
		case 'p':
			m.build.PlainMode = true
		case 'b':
			m.body = true
		case 'h':
			m.header = true
		case 'm':
			m.mime = true
		case 'v':
			m.verbose = true
		}
	}
	return nil
}

// check refuses options that exclude each other.
func (m *tableJob) check() error {
	n := 0
	for _, on := range []bool{m.hasQuery, m.hasRemove, m.dump} {
		if on {
			n++
		}
	}
	switch {
	case n > 1:
		return fmt.Errorf("specify only one of -s -q or -d")
	case (m.body || m.header || m.mime) && (!m.hasQuery || m.query != "-"):
		return fmt.Errorf("specify -b -h or -m only with \"-q -\"")
	case m.mime && !m.body && !m.header:
		return fmt.Errorf("use -m only with -b or -h")
	}
	return nil
}

func (m *tableJob) run() (int, error) {
	switch {
	case m.hasQuery && m.query == "-":
		return m.queries()
	case m.hasQuery:
		return m.ask(m.query)
	case m.hasRemove:
		return m.delete()
	}
	for _, spec := range m.specs {
		if err := m.one(spec); err != nil {
			return exFailure, err
		}
	}
	return exOK, nil
}

// one lists, changes or builds one table.
func (m *tableJob) one(spec string) error {
	kind, name := table.Split(spec, m.tables.Default)
	switch {
	case m.dump:
		return m.list(kind, name)
	case !table.Indexed(kind):
		return fmt.Errorf("unsupported dictionary type: %s does not support bulk-mode creation", kind)
	case m.insert:
		return build.Insert(name, m.sh.in, m.build)
	}
	if m.verbose {
		fmt.Fprintf(m.sh.err, "%s: build the index of %s\n", m.sh.name, name)
	}
	return build.Make(name, m.build)
}

// list prints a table.
func (m *tableJob) list(kind, name string) error {
	out := bufio.NewWriter(m.sh.out)
	colon := ""
	if m.format == source.Aliases {
		colon = ":"
	}
	yield := func(key, value string) error {
		_, err := fmt.Fprintf(out, "%s%s\t%s\n", key, colon, value)
		return err
	}
	dump := build.Dump
	switch {
	case kind == "texthash":
		dump = build.DumpText
	case !table.Indexed(kind):
		return fmt.Errorf("table %s:%s: sequence operation is not supported", kind, name)
	}
	if err := dump(name, m.build, yield); err != nil {
		return err
	}
	return out.Flush()
}

// delete takes keys out of all tables.
func (m *tableJob) delete() (int, error) {
	keys := []string{m.remove}
	if m.remove == "-" {
		keys = nil
		in := bufio.NewScanner(m.sh.in)
		for in.Scan() {
			keys = append(keys, in.Text())
		}
		if err := in.Err(); err != nil {
			return exFailure, err
		}
	}
	found := 0
	for _, spec := range m.specs {
		kind, name := table.Split(spec, m.tables.Default)
		if !table.Indexed(kind) {
			return exFailure, fmt.Errorf("table %s:%s: delete operation is not supported", kind, name)
		}
		n, err := build.Delete(name, keys)
		if err != nil {
			return exFailure, err
		}
		found += n
	}
	if found == 0 {
		return exFailure, nil
	}
	return exOK, nil
}

// ask prints the value of one key.
func (m *tableJob) ask(key string) (int, error) {
	all, err := table.OpenMaps(m.specs, m.tables)
	if err != nil {
		return exFailure, err
	}
	defer all.Close()
	value, found, err := all.Lookup(context.Background(), key)
	if err != nil || !found || key == "" {
		return exFailure, err
	}
	m.sh.print(value + "\n")
	return exOK, nil
}

package main

import (
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/core/table/build"
	"github.com/mtad/mtad/core/table/source"
)

const helpNewaliases = `usage: newaliases

Brings the alias databases that alias_database names up to date: builds the
indexes of those that are indexed files (hash, btree, lmdb, cdb, dbm, sdbm), as
postalias does. Tables that mtad reads as they are need no work.

Exit code: 0 all are up to date, 69 one is not.
`

func newaliases(sh *shell, args []string) int {
	opts, _, err := getopt(args, sendmailOptions)
	if err != nil {
		return sh.fail(exUsage, "%v", err)
	}
	for _, o := range opts {
		if o.letter == 'C' || o.letter == 'c' {
			sh.dir = configDir(o.value)
		}
	}
	c, err := sh.config()
	if err != nil {
		return sh.fail(exUnavailable, "%v", err)
	}
	o := build.Options{Format: source.Aliases, Warn: func(text string) { sh.warn("%s", text) }}
	for _, database := range c.List("alias_database") {
		kind, name := table.Split(database, c.String("default_database_type"))
		if !table.Indexed(kind) {
			continue
		}
		if err := build.Make(name, o); err != nil {
			return sh.fail(exUnavailable, "%s:%s: %v", kind, name, err)
		}
	}
	return exOK
}

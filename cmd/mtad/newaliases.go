package main

import "strings"

const helpNewaliases = `usage: newaliases

Brings the alias databases that alias_database names up to date. Tables that
mtad reads as they are (texthash, regexp, pcre, cidr, inline, static) need no
work. Indexed files (hash, btree, lmdb, cdb, dbm, sdbm) are built by postalias,
which this version of mtad does not have.

Exit code: 0 all are up to date, 69 one is not.
`

// readAsTheyAre are the table types that are not built.
const readAsTheyAre = " texthash regexp pcre cidr inline static unix environ fail internal "

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
	for _, database := range c.List("alias_database") {
		kind, name, typed := strings.Cut(database, ":")
		if !typed {
			kind, name = c.String("default_database_type"), database
		}
		if !strings.Contains(readAsTheyAre, " "+kind+" ") {
			return sh.fail(exUnavailable, "%s:%s: this version of mtad cannot build tables of this type", kind, name)
		}
	}
	return exOK
}

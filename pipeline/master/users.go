package master

import (
	"context"
	"os/user"
	"strconv"
	"sync"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/table"
)

// Allows reports whether a list of users (authorized_submit_users and its like) has the user.
func Allows(c *conf.Config, name string, uid int) bool { return allowedUsers(c, name)(uid) }

// allowedUsers reads a list of user names (authorized_mailq_users): names, "type:table", "!" before either.
// The first that fits decides. A table that cannot be asked names nobody: what stands behind it may be for
// others.
func allowedUsers(c *conf.Config, name string) func(uid int) bool {
	items := c.Items(name)
	fits := make([]func(string) (bool, error), len(items))
	for i := range items {
		fits[i] = userPattern(c, &items[i])
	}
	return func(uid int) bool {
		who := strconv.Itoa(uid)
		if u, err := user.LookupId(who); err == nil {
			who = u.Username
		}
		for i := range items {
			switch ok, err := fits[i](who); {
			case err != nil:
				return false
			case ok:
				return !items[i].Not
			}
		}
		return false
	}
}

// userPattern is one element of the list. Its table is opened when it is asked first.
func userPattern(c *conf.Config, it *list.Item) func(who string) (bool, error) {
	kind, _ := table.Split(it.Text, "")
	if kind == "" {
		return func(who string) (bool, error) { return it.Text == who, nil }
	}
	open := sync.OnceValues(func() (table.Table, error) {
		return table.Open(it.Text, table.Options{Default: c.String("default_database_type"), Parameter: parameterOf(c)})
	})
	return func(who string) (bool, error) {
		t, err := open()
		if err != nil {
			return false, err
		}
		_, found, err := t.Lookup(context.Background(), who)
		return found, err
	}
}

// parameterOf finds the parameters of tables.
func parameterOf(c *conf.Config) func(string) (string, bool) {
	return func(name string) (string, bool) {
		raw, _, set := c.Lookup(name)
		if !set {
			return "", false
		}
		v, err := c.Expand(raw)
		return v, err == nil
	}
}

package conf_test

import (
	"slices"
	"testing"

	"github.com/mtad/mtad/core/conf/conftest"
)

func TestPathsAreThoseThatValuesName(t *testing.T) {
	c := conftest.Load(t, "alias_maps = hash:/x/aliases, pcre:{/a//,/b/}\nbase = /x/base\nvirtual_mailbox_maps = lmdb:$base/users\n"+
		"transport_maps = !/x/nets 10.0.0.0/8\nvirtual_mailbox_base = /x/mail\nmail_spool_directory = /x/spool")
	got := c.Paths("virtual_mailbox_base", "mail_spool_directory")
	for _, want := range []string{"/x/aliases", "/x/base/users", "/x/nets"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	for _, not := range []string{"/x/mail", "/x/spool", "/8", "/"} {
		if slices.Contains(got, not) {
			t.Errorf("%s is in %q", not, got)
		}
	}
	if !slices.IsSorted(got) {
		t.Errorf("%q is not sorted", got)
	}
}

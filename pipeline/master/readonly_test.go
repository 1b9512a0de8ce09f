package master

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/conftest"
)

func TestMailboxesWhereNothingCanBeWrittenAreNamed(t *testing.T) {
	for lines, want := range map[string][]string{
		"":                                    nil,
		"home_mailbox = Maildir/":             {"home_mailbox: /home is read-only here"},
		"mailbox_command = /usr/bin/procmail": {"mailbox_command: /home is read-only here"},
		"virtual_mailbox_base = /home/vmail":  {"virtual_mailbox_base: /home/vmail is read-only here"},
		"virtual_mailbox_base = /srv/vmail":   nil,
	} {
		c := conftest.LoadDir(t, conftest.Dir(t, map[string]string{"main.cf": "compatibility_level = 3.6\n" + lines + "\n"}))
		got := readOnlyMailboxes(c, func(path string) bool { return path == "/home" || strings.HasPrefix(path, "/home/") })
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%q: %q, want %q", lines, got, want)
		}
	}
	if dir := t.TempDir(); onReadOnly(dir) || onReadOnly(filepath.Join(dir, "not", "made")) {
		t.Error("a directory of this test is read-only")
	}
}

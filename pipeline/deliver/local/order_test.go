package local_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// An alias hides the .forward file of a user of its name, and that hides the mailbox (local(8)).
func TestAnAliasComesBeforeTheForwardFileAndThatBeforeTheMailbox(t *testing.T) { // B15
	for _, c := range []struct {
		name      string
		aliases   rows
		file      string
		forwarded string
		inMailbox int
	}{
		{"an alias and a file", rows{"bob": "alias@remote.example"}, "file@remote.example\n", "alias@remote.example", 0},
		{"an alias for the mailbox", rows{"bob": `\bob`}, "file@remote.example\n", "", 1},
		{"a file", nil, "file@remote.example\n", "file@remote.example", 0},
		{"a file for the user alone", nil, "\\bob\n", "", 1},
		{"neither", rows{"other": "alias@remote.example"}, "", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := expanding(t, options(t, "spool"), c.aliases)
			me, _, _ := o.Users.Lookup(context.Background(), "bob")
			if c.file != "" {
				if err := os.WriteFile(filepath.Join(me.Home, ".forward"), []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := deliver(t, o, "x", "bob@example.org")[0]
			if !r.Outcome.Done() {
				t.Fatalf("got %v %v", r.Reply, r.Cause)
			}
			if got := worldOf(o).to(0); got != c.forwarded {
				t.Errorf("forwarded to %q, want %q", got, c.forwarded)
			}
			if n := count(t, o.Spool+"/bob"); n != c.inMailbox {
				t.Errorf("%d messages in the mailbox, want %d", n, c.inMailbox)
			}
		})
	}
}

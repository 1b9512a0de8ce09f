package target_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/deliver/local/target"
)

func TestRightHandSidesAreTakenApart(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       []target.Target
	}{
		{"one address", "bob", []target.Target{{target.Address, "bob"}}},
		{"addresses", "bob, alice@example.com ,carol", []target.Target{{target.Address, "bob"}, {target.Address, "alice@example.com"}, {target.Address, "carol"}}},
		{"an address in brackets, with a name and a comment", "Bob, the Builder <bob@example.com> (at work), x", []target.Target{
			{target.Address, "Bob"}, {target.Address, "bob@example.com"}, {target.Address, "x"}}},
		{"a file and a maildir", "/var/mail/x, /srv/Maildir/", []target.Target{{target.File, "/var/mail/x"}, {target.File, "/srv/Maildir/"}}},
		{"a quoted file with a comma", `"/var/mail/a,b"`, []target.Target{{target.File, "/var/mail/a,b"}}},
		{"a command", `"|/bin/x -a 'b,c' \"d\""`, []target.Target{{target.Command, `/bin/x -a 'b,c' "d"`}}},
		{"a command without quotes", `|/bin/x -a, bob`, []target.Target{{target.Command, "/bin/x -a"}, {target.Address, "bob"}}},
		{"an include", `:include:/etc/list, ":Include: /etc/b"`, []target.Target{{target.Include, "/etc/list"}, {target.Include, "/etc/b"}}},
		{"a mailbox", `\bob, "\\carol"`, []target.Target{{target.Mailbox, "bob"}, {target.Mailbox, "carol"}}},
		{"a quoted local part", `"a b"@example.com`, []target.Target{{target.Address, `"a b"@example.com`}}},
		{"nothing", " , ,", nil},
		{"a quote that does not close", `"|cat, bob`, []target.Target{{target.Address, `"|cat, bob`}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := target.Parse(c.line); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLinesOfAFileStandForThemselves(t *testing.T) {
	got := target.Lines("# a comment, bob\nbob\r\n\n\"|x\nalice, /f\n")
	want := []target.Target{{target.Address, "bob"}, {target.Address, `"|x`}, {target.Address, "alice"}, {target.File, "/f"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzTargets(f *testing.F) {
	f.Add("bob, \"|x\"\n:include:/x,\\y\n# z\n<a@b> (c), /d/")
	f.Fuzz(func(t *testing.T, text string) {
		all := target.Lines(text)
		if len(all) > len(text) {
			t.Errorf("%d targets of %d bytes", len(all), len(text))
		}
		for _, x := range all {
			switch {
			case x.Kind < target.Address || x.Kind > target.Include:
				t.Errorf("kind %d", x.Kind)
			case x.Kind == target.Address && x.Value == "":
				t.Error("an empty address")
			case x.Kind == target.File && x.Value[0] != '/':
				t.Errorf("file %q", x.Value)
			case strings.Contains(x.Value, "\n"):
				t.Errorf("%q has a line end", x.Value)
			}
		}
	})
}

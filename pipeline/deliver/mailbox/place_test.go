package mailbox_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

func TestBelowRefusesToLeaveTheBase(t *testing.T) {
	for value, want := range map[string]string{
		"example.org/bob":   "/base/example.org/bob",
		"example.org/bob/":  "/base/example.org/bob/",
		"/etc/passwd":       "/base/etc/passwd", // Postfix joins base and value with "/"
		"./a//b/./":         "/base/a/b/",
		"..a/b..":           "/base/..a/b..",
		"..":                "",
		"../x":              "",
		"a/../../x":         "",
		"a/../b":            "",
		"a/..":              "",
		"":                  "",
		"/":                 "",
		".":                 "",
		"a\x00b":            "",
		"x/../../../../etc": "",
	} {
		p, err := mailbox.Below("/base", value, mailbox.AnyOwner)
		switch {
		case want == "":
			wantReply(t, err, "4.3.5", "mail system configuration error")
		case err != nil || p.String() != want:
			t.Errorf("%q: got %v, %v; want %s", value, p, err, want)
		}
	}
	_, err := mailbox.Below("", "bob", mailbox.AnyOwner)
	wantReply(t, err, "4.3.5", "mail system configuration error")
}

func TestInSpoolTakesOnlyNamesOfFilesOfTheirOwn(t *testing.T) {
	for user, want := range map[string]bool{
		"bob": true, "a b": true, "bjørn": true, "b.ob": true, "lock": true,
		"": false, ".": false, "..": false, ".ssh": false, "a/b": false, "/etc/passwd": false, "a\x00": false,
		"a\nb": false, "bob.lock": false, strings.Repeat("x", 201): false,
	} {
		if p, ok := mailbox.InSpool("/var/mail/", user, 1); ok != want || ok && p.String() != "/var/mail/"+user+"/" {
			t.Errorf("%q: %v, %v", user, p, ok)
		}
	}
	if p, ok := mailbox.InSpool("/var/mail", "bob", 1); !ok || p.String() != "/var/mail/bob" {
		t.Errorf("mbox: %v, %v", p, ok)
	}
	if _, ok := mailbox.InSpool("", "bob", 1); ok {
		t.Error("a spool without a name is accepted")
	}
}

func TestNoLinkBelowTheBaseLeadsOut(t *testing.T) {
	for _, c := range []struct{ name, link, value string }{
		{"a directory on the way to an mbox", "out", "out/bob"},
		{"a directory on the way to a maildir", "out", "out/bob/"},
		{"the maildir itself", "bob", "bob/"},
		{"new of a maildir", "bob/new", "bob/"},
		{"tmp of a maildir", "bob/tmp", "bob/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			base, out := filepath.Join(root, "base"), filepath.Join(root, "out")
			for _, dir := range []string{out, filepath.Dir(filepath.Join(base, c.link))} {
				if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(out, filepath.Join(base, c.link)); err != nil {
				t.Fatal(err)
			}
			_, err := mailbox.New(mailbox.Options{Locks: mailbox.DefaultLocks}).Deliver(context.Background(), below(t, base, c.value), message("x"))
			wantReply(t, err, "4.2.0", " the mailbox")
			if got := files(t, out); len(got) != 0 {
				t.Errorf("written outside: %q", got)
			}
		})
	}
}

func TestLinksThatStayBelowTheBaseAreFollowed(t *testing.T) {
	base := t.TempDir()
	if err := os.MkdirAll(filepath.Join(base, "example.org"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("example.org", filepath.Join(base, "www.example.org")); err != nil {
		t.Fatal(err)
	}
	mustDeliver(t, mailbox.New(mailbox.Options{}), below(t, base, "www.example.org/bob/"), message("x"))
	onlyFile(t, filepath.Join(base, "example.org/bob/new"))
}

func FuzzBelow(f *testing.F) {
	for _, s := range []string{"a/b", "../x", "a/../..", "/etc/passwd", "..\x00/", "a//..//b", "./", "\\..\\x", "a/.../b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if p, err := mailbox.Below("/base", value, 0); err == nil {
			if s := p.String(); !strings.HasPrefix(s, "/base/") || !filepath.IsLocal(strings.TrimPrefix(s, "/base/")) {
				t.Errorf("%q became %q", value, s)
			}
			if strings.Contains("/"+value+"/", "/../") {
				t.Errorf("%q is accepted", value)
			}
		}
		if p, ok := mailbox.InSpool("/spool", value, 0); ok && filepath.Dir(p.String()) != "/spool" {
			t.Errorf("user %q became %q", value, p)
		}
	})
}

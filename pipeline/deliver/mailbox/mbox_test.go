package mailbox_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

func TestMboxIsWrittenAsPostfixWritesIt(t *testing.T) {
	base := t.TempDir()
	w := mailbox.New(mailbox.Options{Locks: mailbox.DefaultLocks | mailbox.LockFlock, Clock: clock})
	p := below(t, base, "bob")
	if text := mustDeliver(t, w, p, message("Subject: x\r\n\r\nFrom here\r\n>From there\r\nFromage\r\n From\r\nend")); text != "delivered to mailbox" {
		t.Errorf("text %q", text)
	}
	mustDeliver(t, w, p, &mailbox.Message{Text: mail.Bytes("\r\nFrom ")})
	want := "From alice@example.com  Wed Mar  4 12:00:05 2026\n" +
		"Return-Path: <alice@example.com>\nX-Original-To: bob+x@example.org\nDelivered-To: bob@example.org\n" +
		"Subject: x\n\n>From here\n>From there\nFromage\n From\nend\n\n" +
		"From MAILER-DAEMON  Wed Mar  4 12:00:05 2026\nReturn-Path: <>\n\n>From \n\n"
	if got := read(t, filepath.Join(base, "bob")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if fi, err := os.Stat(filepath.Join(base, "bob")); err != nil || fi.Mode() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if names := files(t, base); len(names) != 1 {
		t.Errorf("locks are left: %q", names)
	}
}

func TestTheNextMessageBeginsBehindAnEmptyLine(t *testing.T) {
	for _, c := range []struct{ name, before, gap string }{
		{"as we end it", "From x\n\nold\n\n", ""},
		{"another program left no empty line", "From x\n\nold\n", "\n"},
		{"a delivery was killed in a line", "From x\n\nol", "\n\n"},
		{"only an empty line", "\n", ""},
		{"one byte", "x", "\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := t.TempDir()
			path := filepath.Join(base, "bob")
			if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
			mustDeliver(t, mailbox.New(mailbox.Options{Clock: clock}), below(t, base, "bob"), message("\r\nnew\r\n"))
			if got := read(t, path); !strings.HasPrefix(got, c.before+c.gap+"From alice@") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestMboxOverTheLimitBouncesAndIsUnchanged(t *testing.T) {
	base := t.TempDir()
	w := mailbox.New(mailbox.Options{SizeLimit: 100_000})
	p := below(t, base, "bob")
	mustDeliver(t, w, p, message("\r\n"+strings.Repeat("x", 60_000)))
	before := read(t, filepath.Join(base, "bob"))
	_, err := w.Deliver(context.Background(), p, message("\r\n"+strings.Repeat("y", 60_000)))
	wantReply(t, err, "5.2.2", "the mailbox is full")
	if got := read(t, filepath.Join(base, "bob")); got != before {
		t.Errorf("%d bytes became %d", len(before), len(got))
	}
}

func TestMboxRefusesWhatItCannotTrust(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(t *testing.T, base string) error
		words string
	}{
		{"a symbolic link to a file in the spool", func(_ *testing.T, base string) error {
			return join(os.WriteFile(filepath.Join(base, "alice"), nil, 0o600), os.Symlink("alice", filepath.Join(base, "bob")))
		}, "symbolic link"},
		{"a symbolic link out of the spool", func(t *testing.T, base string) error {
			out := filepath.Join(t.TempDir(), "passwd")
			return join(os.WriteFile(out, nil, 0o600), os.Symlink(out, filepath.Join(base, "bob")))
		}, "cannot open the mailbox"},
		{"a dangling symbolic link", func(_ *testing.T, base string) error {
			return os.Symlink("nowhere", filepath.Join(base, "bob"))
		}, "cannot open the mailbox"},
		{"a second name of another file", func(_ *testing.T, base string) error {
			return join(os.WriteFile(filepath.Join(base, "alice"), nil, 0o600),
				os.Link(filepath.Join(base, "alice"), filepath.Join(base, "bob")))
		}, "more than one name"},
		{"a FIFO", func(_ *testing.T, base string) error {
			return syscall.Mkfifo(filepath.Join(base, "bob"), 0o600)
		}, "not a regular file"},
		{"a directory", func(_ *testing.T, base string) error {
			return os.Mkdir(filepath.Join(base, "bob"), 0o700)
		}, "is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := t.TempDir()
			if err := c.plant(t, base); err != nil {
				t.Fatal(err)
			}
			w := mailbox.New(mailbox.Options{Locks: mailbox.DefaultLocks, LockAttempts: 1})
			_, err := w.Deliver(context.Background(), below(t, base, "bob"), message("x\r\n"))
			wantReply(t, err, "4.2.0", c.words)
			for _, name := range files(t, base) {
				if fi, err := os.Lstat(filepath.Join(base, name)); err != nil || fi.Mode().IsRegular() && fi.Size() > 0 {
					t.Errorf("%s was written to (%v)", name, err)
				}
			}
		})
	}
}

func join(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestDirectoriesForAnMboxAreMadeBelowTheBase(t *testing.T) {
	for _, locks := range []mailbox.Locks{0, mailbox.DefaultLocks} {
		base := t.TempDir()
		mustDeliver(t, mailbox.New(mailbox.Options{Locks: locks}), below(t, base, "example.org/a/bob"), message("\r\nx\r\n"))
		onlyFile(t, filepath.Join(base, "example.org/a"))

		w := mailbox.New(mailbox.Options{Locks: locks, Create: mailbox.CreateSubdirs})
		_, err := w.Deliver(context.Background(), below(t, base, "example.net/bob"), message("\r\nx\r\n"))
		wantReply(t, err, "4.2.0", "no such file or directory")
	}
}

package mailbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

func TestMaildirGetsTheWholeMessageInNew(t *testing.T) {
	base := t.TempDir()
	w := mailbox.New(mailbox.Options{Hostname: "mx.example.org", Clock: clock})
	text := mustDeliver(t, w, below(t, base, "example.org/bob/"), message("Subject: x\r\n\r\nFrom here\r\n.dot\r\nno end"))
	if text != "delivered to maildir" {
		t.Errorf("text %q", text)
	}
	file := onlyFile(t, filepath.Join(base, "example.org/bob/new"))
	want := "Return-Path: <alice@example.com>\nX-Original-To: bob+x@example.org\nDelivered-To: bob@example.org\n" +
		"Subject: x\n\nFrom here\n.dot\nno end\n"
	if got := read(t, file); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	name := fmt.Sprintf(`^%d\.V[0-9a-f]+I[0-9a-f]+M678\.mx\.example\.org$`, noon.Unix())
	if !regexp.MustCompile(name).MatchString(filepath.Base(file)) {
		t.Errorf("name %q", filepath.Base(file))
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if left := files(t, filepath.Join(base, "example.org/bob/tmp")); len(left) != 0 {
		t.Errorf("tmp has %q", left)
	}
}

func TestFieldsAreLeftOutOrCleaned(t *testing.T) {
	for _, c := range []struct {
		name string
		m    mailbox.Message
		want string
	}{
		{"null sender, nothing else", mailbox.Message{}, "Return-Path: <>\n"},
		{"only the original", mailbox.Message{Sender: "a@b", Original: "c@d"}, "Return-Path: <a@b>\nX-Original-To: c@d\n"},
		{"no address ends its field", mailbox.Message{Sender: "a@b>\nEvil: 1", Delivered: "x\r\n\r\nbody"},
			"Return-Path: <a@b> Evil: 1>\nDelivered-To: x    body\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := t.TempDir()
			c.m.Text = mail.Bytes("")
			mustDeliver(t, mailbox.New(mailbox.Options{}), below(t, base, "m/"), &c.m)
			if got := read(t, onlyFile(t, filepath.Join(base, "m/new"))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestMaildirDirectoriesAreMadeAsTheOptionsSay(t *testing.T) {
	all := []string{"m/", "m/cur/", "m/new/", "m/tmp/"}
	for _, c := range []struct {
		name   string
		create mailbox.Create
		before []string // directories that exist, below a base that exists when there are any
		ok     bool
		after  []string
	}{
		{"below the base by default", mailbox.CreateBelow, []string{"."}, true, all},
		{"not the base by default", mailbox.CreateBelow, nil, false, nil},
		{"the base if told so", mailbox.CreateAll, nil, true, all},
		{"only what a maildir lacks", mailbox.CreateSubdirs, []string{"m/tmp"}, true, all},
		{"but not a whole maildir", mailbox.CreateSubdirs, []string{"."}, false, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := filepath.Join(t.TempDir(), "spool", "mail")
			for _, dir := range c.before {
				if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			w := mailbox.New(mailbox.Options{Create: c.create})
			_, err := w.Deliver(context.Background(), below(t, base, "m/"), message("\r\nx\r\n"))
			if c.ok != (err == nil) {
				t.Fatalf("err %v", err)
			}
			if !c.ok {
				wantReply(t, err, "4.2.0", "cannot open the mailbox: no such file or directory")
			}
			if _, err := os.Stat(base); c.after == nil && err == nil {
				t.Fatal("the base was made")
			} else if err == nil {
				dirs := slices.DeleteFunc(files(t, base), func(s string) bool { return !strings.HasSuffix(s, "/") })
				if !slices.Equal(dirs, c.after) {
					t.Errorf("directories %q, want %q", dirs, c.after)
				}
			}
		})
	}
}

func TestAMissingNewIsMadeWhenTmpIsThere(t *testing.T) {
	base := t.TempDir()
	if err := os.MkdirAll(filepath.Join(base, "m/tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustDeliver(t, mailbox.New(mailbox.Options{}), below(t, base, "m/"), message("\r\nx\r\n"))
	onlyFile(t, filepath.Join(base, "m/new"))
}

func TestMaildirMessagesOverTheLimitBounce(t *testing.T) {
	base := t.TempDir()
	w := mailbox.New(mailbox.Options{SizeLimit: 1000})
	p := below(t, base, "m/")
	mustDeliver(t, w, p, message("\r\n"+strings.Repeat("x", 800)))
	_, err := w.Deliver(context.Background(), p, message("\r\n"+strings.Repeat("x", 1000)))
	wantReply(t, err, "5.2.2", "the mailbox is full")
	onlyFile(t, filepath.Join(base, "m/new"))
	if left := files(t, filepath.Join(base, "m/tmp")); len(left) != 0 {
		t.Errorf("tmp has %q", left)
	}
}

func TestDeliveriesToOneMaildirNeverMeet(t *testing.T) {
	base := t.TempDir()
	w := mailbox.New(mailbox.Options{Clock: clock}) // all of them in one microsecond
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			m := message(fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i))
			if _, err := w.Deliver(context.Background(), below(t, base, "m/"), m); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(files(t, filepath.Join(base, "m/new"))); n != 50 {
		t.Fatalf("%d messages", n)
	}
}

func TestACancelledDeliveryLeavesNothing(t *testing.T) {
	base := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, name := range []string{"m/", "mbox"} {
		if _, err := mailbox.New(mailbox.Options{}).Deliver(ctx, below(t, base, name), message("x")); err != context.Canceled {
			t.Errorf("got %v", err)
		}
	}
	if left := files(t, base); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

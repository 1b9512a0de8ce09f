package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

var noon = time.Date(2026, 3, 4, 12, 0, 5, 678_000, time.Local)

func clock() time.Time { return noon }

func message(text string) *mailbox.Message {
	return &mailbox.Message{
		Sender: "alice@example.com", Original: "bob+x@example.org", Delivered: "bob@example.org",
		Text: mail.Bytes(text),
	}
}

func below(t *testing.T, base, value string) mailbox.Place {
	t.Helper()
	p, err := mailbox.Below(base, value, mailbox.AnyOwner)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustDeliver(t *testing.T, w *mailbox.Writer, p mailbox.Place, m *mailbox.Message) string {
	t.Helper()
	text, err := w.Deliver(context.Background(), p, m)
	if err != nil {
		t.Fatalf("deliver to %v: %v", p, err)
	}
	return text
}

// wantReply fails the test unless err answers with the enhanced code and a text with the words.
func wantReply(t *testing.T, err error, enhanced, words string) {
	t.Helper()
	var e *status.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a reply %s", err, enhanced)
	}
	if e.Reply.Enhanced != enhanced || !strings.Contains(e.Reply.Text, words) {
		t.Fatalf("got %v, want %s … %s", e, enhanced, words)
	}
}

// files returns the paths below dir, relative, directories with a "/" at the end.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if d.IsDir() {
			name += "/"
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// onlyFile returns the one file of a directory.
func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	names := files(t, dir)
	if len(names) != 1 {
		t.Fatalf("%s has %q", dir, names)
	}
	return filepath.Join(dir, names[0])
}

// splitMbox is a reader of mbox files as RFC 4155 describes them, written without a look at the
// writer: a message begins with a line "From " at the begin of the file or behind an empty line.
// It returns the messages without that line and without the empty line at their end.
func splitMbox(t *testing.T, mbox []byte) [][]byte {
	t.Helper()
	var msgs [][]byte
	empty := true
	for len(mbox) > 0 {
		line, rest, found := bytes.Cut(mbox, []byte("\n"))
		if !found {
			t.Fatalf("the last line has no end: %q", line)
		}
		mbox = rest
		if bytes.HasPrefix(line, []byte("From ")) {
			if !empty {
				t.Fatalf("no empty line before %q", line)
			}
			msgs = append(msgs, nil)
		} else if len(msgs) == 0 {
			t.Fatalf("begins with %q", line)
		} else {
			k := len(msgs) - 1
			msgs[k] = append(append(msgs[k], line...), '\n')
		}
		empty = len(line) == 0
	}
	for i, m := range msgs {
		if !bytes.HasSuffix(m, []byte("\n")) || !empty {
			t.Fatalf("message %d has no empty line at its end", i)
		}
		msgs[i] = m[:len(m)-1]
	}
	return msgs
}

package master_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// realMessages is how many real messages the corpus must have when the peers are demanded.
const realMessages = 100

// dropped are the fields of message_drop_headers as it is by default.
var dropped = []string{"bcc", "content-length", "resent-bcc", "return-path"}

// specimen is a message that goes through mtad.
type specimen struct {
	name string
	text []byte
}

// corpus reads the messages that other projects test with, as their Debian packages install them.
func corpus(t *testing.T) []specimen {
	t.Helper()
	var all []specimen
	for _, dir := range append(pythonMessages(), packageMessages("golang-github-jhillyerd-enmime-dev")...) {
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if ext := filepath.Ext(path); err != nil || ext != ".txt" && ext != ".raw" && ext != ".eml" {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, specimen{filepath.Base(dir) + "/" + filepath.Base(path), text})
			return nil
		})
	}
	if len(all) < realMessages {
		miss(t, fmt.Sprintf("found %d real messages of %d: apt-get install libpython3.11-testsuite golang-github-jhillyerd-enmime-dev", len(all), realMessages))
	}
	return all
}

// pythonMessages is where CPython keeps the messages that it tests its email package with.
func pythonMessages() []string {
	const ask = "import os, test.test_email as t; print(os.path.join(list(t.__path__)[0], 'data'))"
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if out, err := exec.Command(python, "-c", ask).Output(); err == nil {
			return []string{strings.TrimSpace(string(out))}
		}
	}
	return nil
}

// packageMessages are the folders called testdata of a Debian package.
func packageMessages(name string) (dirs []string) {
	out, err := exec.Command("dpkg", "-L", name).Output()
	if err != nil {
		return nil
	}
	for path := range strings.Lines(string(out)) {
		if path = strings.TrimSpace(path); filepath.Base(path) == "testdata" {
			dirs = append(dirs, path)
		}
	}
	return dirs
}

// canonical is text with lines that end in CRLF, as a client sends it. A CR within a line stays.
func canonical(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\r\n")) {
		text = append(text, "\r\n"...)
	}
	return text
}

// normalized is what mtad makes of text's line ends: each LF ends a line, and a CR that does not
// stand before one is a space.
func normalized(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte(" "))
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
}

// aField matches the first line of a header field; obsolete syntax allows blanks before the colon.
var aField = regexp.MustCompile(`^[!-9;-~]+[ \t]*:`)

// without removes the fields called names from the header of text.
func without(text []byte, names []string) []byte {
	var out []byte
	dropping := false
	for len(text) > 0 {
		n := bytes.IndexByte(text, '\n') + 1
		line := text[:n]
		switch {
		case line[0] == ' ' || line[0] == '\t':
			if len(out) == 0 && !dropping {
				return append(out, text...)
			}
		case aField.Match(line):
			name, _, _ := strings.Cut(string(line), ":")
			dropping = slices.Contains(names, strings.ToLower(strings.TrimRight(name, " \t")))
		default:
			return append(out, text...)
		}
		if !dropping {
			out = append(out, line...)
		}
		text = text[n:]
	}
	return out
}

// aReceived is the Received field that mtad puts on top.
var aReceived = regexp.MustCompile(`^Received: from client\.test \(unknown \[127\.0\.0\.1\]\)\r\n` +
	`\tby mail\.mtad\.test \(mtad\) with ESMTP id [0-9A-Za-z]+\r\n` +
	`\tfor <[^>]+>; \w{3}, \d\d? \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4} \(\w+\)\r\n`)

// checkRelayed compares what a sink got with what must stand below the Received field.
func checkRelayed(t *testing.T, name string, got, want []byte) {
	t.Helper()
	head := aReceived.Find(got)
	if head == nil {
		t.Errorf("%s: no Received field of the right form on top: %.300q", name, got)
		return
	}
	got = got[len(head):]
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	from := max(0, at-40)
	t.Errorf("%s: %d bytes came, want %d; they differ at %d:\n got %q\nwant %q", name, len(got), len(want), at,
		got[from:min(len(got), at+80)], want[from:min(len(want), at+80)])
}

// relay sends the specimens over a few sessions and returns what came of each at the sink.
func relay(t *testing.T, d *daemon, s *sink, all []specimen) map[int][]byte {
	t.Helper()
	const senders = 4
	var group sync.WaitGroup
	for first := range senders {
		c := d.hello()
		group.Go(func() {
			for i := first; i < len(all); i += senders {
				if !c.try("MAIL FROM:<a@sender.test>", "250") || !c.try(fmt.Sprintf("RCPT TO:<m%d@corpus.test>", i), "250") ||
					!c.try("DATA", "354") || !c.tryData(stuffed(all[i].text), "250 2.0.0 Ok: queued as ") {
					t.Errorf("%s was not accepted", all[i].name)
					return
				}
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
	got := map[int][]byte{}
	for _, m := range s.wait(t, len(all)) {
		var i int
		if _, err := fmt.Sscanf(m.to[0], "<m%d@corpus.test>", &i); err != nil {
			t.Fatalf("a message to %s", m.to)
		}
		got[i] = m.text
	}
	return got
}

func TestRealMessagesAreRelayedByteForByte(t *testing.T) {
	all := corpus(t)
	t.Logf("%d real messages", len(all))
	for i := range all {
		all[i].text = canonical(all[i].text)
	}
	for _, c := range []struct {
		name, setting string
		drop          []string
	}{
		{"without the fields of message_drop_headers", "", dropped},
		{"whole when message_drop_headers is empty", "message_drop_headers =", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSink(t)
			d := start(t, "local_header_rewrite_clients =", "relayhost = "+s.nexthop(), c.setting)
			got := relay(t, d, s, all)
			for i, m := range all {
				checkRelayed(t, m.name, got[i], without(normalized(m.text), c.drop))
			}
		})
	}
}

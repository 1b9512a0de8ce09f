package console

import (
	"bytes"
	"slices"
	"sync"
)

// Bounds of a Journal.
const (
	journalBytes = 8 << 20 // it keeps
	maxLines     = 200     // of one message are shown, the newest
)

// Journal keeps the newest lines of the mail log, up to 8 MiB, to show those of one message. It is an
// io.Writer whose Write never fails, and whose every call brings whole lines. Safe for concurrent use.
type Journal struct {
	mu   sync.Mutex
	old  []byte // older than now
	now  []byte // the newest, up to half of all
	half int
}

// NewJournal returns an empty one. Its memory grows as lines come.
func NewJournal() *Journal { return &Journal{half: journalBytes / 2} }

// Write takes lines.
func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.now)+len(p) > j.half {
		j.old, j.now = j.now, j.old[:0]
	}
	if len(p) <= j.half { // more than that at a time is not kept
		j.now = append(j.now, p...)
	}
	return len(p), nil
}

// Lines returns the newest lines about a message, the oldest first. A nil Journal has none.
func (j *Journal) Lines(id string) []string {
	if j == nil || id == "" {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
	// A line of Postfix has "]: ID: " behind its tag; one of JSON a member "id".
	forms := [][]byte{[]byte("]: " + id + ": "), []byte(`"id":"` + id + `"`)}
	for _, text := range [][]byte{j.now, j.old} {
		found = search(found, text, forms)
	}
	slices.Reverse(found)
	return found
}

// search appends the lines that hold one of the forms, the last first, until there are maxLines.
func search(found []string, text []byte, forms [][]byte) []string {
	for len(found) < maxLines {
		at := -1
		for _, f := range forms {
			at = max(at, bytes.LastIndex(text, f))
		}
		if at < 0 {
			break
		}
		begin := bytes.LastIndexByte(text[:at], '\n') + 1
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i
		}
		found = append(found, string(text[begin:end]))
		text = text[:begin]
	}
	return found
}

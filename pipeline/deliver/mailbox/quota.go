package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The file of a Maildir that says how much it may hold, and how much it does: a definition
// ("1000000S,5000C": bytes, messages), then lines of bytes and messages that came or went.
const (
	sizeFile = "maildirsize"
	// maxSizeFile is the size at which the file is made anew, and recountAge the age from which a
	// full Maildir is counted again rather than believed.
	maxSizeFile = 5120
	recountAge  = 15 * time.Minute
	// maxRecount bounds how many files are looked at to count a Maildir.
	maxRecount = 1_000_000
)

// usage is what a Maildir holds, or may hold at most; 0 of a limit is none.
type usage struct{ bytes, messages int64 }

func (u usage) plus(v usage) usage { return usage{u.bytes + v.bytes, u.messages + v.messages} }

// fits reports whether u is within a limit.
func (u usage) fits(limit usage) bool {
	return (limit.bytes <= 0 || u.bytes <= limit.bytes) && (limit.messages <= 0 || u.messages <= limit.messages)
}

// quota is the file of one Maildir, as it was read.
type quota struct {
	root       string // the Maildir that has the file
	definition string
	limit, now usage
	lines      int // behind the definition
	changed    time.Time
	large      bool
}

// quotaOf reads the quota of a Maildir; nil when it has none. A folder (its name begins with ".") has that
// of the Maildir it is in.
func quotaOf(d disk, p Place) (*quota, error) {
	root := p.name
	if strings.HasPrefix(path.Base(root), ".") && path.Dir(root) != "." {
		root = path.Dir(root)
	}
	f, err := d.Open(root+"/"+sizeFile, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	var errno syscall.Errno
	switch {
	case notExist(err), errIs(err, fs.ErrPermission), errIs(err, syscall.ELOOP), errIs(err, syscall.ENOTDIR):
		return nil, nil
	case err != nil && !errors.As(err, &errno): // a link that leads out of the base
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, nil
	}
	var b [maxSizeFile]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	q := parseQuota(b[:n])
	if q != nil {
		q.root, q.changed, q.large = root, st.ModTime(), st.Size() >= maxSizeFile
	}
	return q, nil
}

// parseQuota reads the file; nil when it says nothing that limits. A line that is none counts nothing.
func parseQuota(b []byte) *quota {
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	q := &quota{definition: string(bytes.TrimSpace(first))}
	for word := range strings.SplitSeq(q.definition, ",") {
		if word == "" {
			continue
		}
		n, err := strconv.ParseInt(word[:len(word)-1], 10, 63)
		switch kind := word[len(word)-1]; {
		case err != nil || n < 0: // of a kind that we do not know
		case kind == 'S':
			q.limit.bytes = n
		case kind == 'C':
			q.limit.messages = n
		}
	}
	if q.limit == (usage{}) {
		return nil
	}
	for line := range bytes.Lines(rest) {
		fields := strings.Fields(string(line))
		if len(fields) != 2 {
			continue
		}
		size, err1 := strconv.ParseInt(fields[0], 10, 48)
		count, err2 := strconv.ParseInt(fields[1], 10, 48)
		if err1 == nil && err2 == nil {
			q.now = q.now.plus(usage{size, count})
			q.lines++
		}
	}
	return q
}

// admit refuses a message of size bytes for which there is no room. What the file says is believed when
// there is room; when there is none, the Maildir is counted, unless that was done just now.
func (q *quota) admit(d disk, size int64, now time.Time) error {
	one := usage{size, 1}
	if q.now.plus(one).fits(q.limit) && !q.large {
		return nil
	}
	if q.large || q.lines > 1 || now.Sub(q.changed) >= recountAge || now.Before(q.changed) {
		counted, err := count(d, q.root)
		if err != nil {
			return failed(cannotOpen, err)
		}
		q.now = counted
		q.renew(d, now)
	}
	if q.now.plus(one).fits(q.limit) {
		return nil
	}
	return failed(cannotWrite, fmt.Errorf("%s of %s: %d bytes in %d messages, and %d bytes more: %w", sizeFile, q.definition,
		q.now.bytes, q.now.messages, size, syscall.EDQUOT))
}

// renew puts what was counted into a new file. That it cannot is no reason to refuse mail.
func (q *quota) renew(d disk, now time.Time) {
	tmp := q.root + "/tmp/" + sizeFile + "." + strconv.FormatInt(now.UnixNano(), 36) + "." + strconv.Itoa(os.Getpid())
	f, err := d.Open(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	_, err = fmt.Fprintf(f, "%s\n%d %d\n", q.definition, q.now.bytes, q.now.messages)
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.Rename(tmp, q.root+"/"+sizeFile)
	}
	if err != nil {
		_ = d.Remove(tmp)
	}
}

// add notes a message that came. One that is not noted is found when the Maildir is counted.
func (q *quota) add(d disk, size int64) {
	f, err := d.Open(q.root+"/"+sizeFile, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(f, "%d 1\n", size) // one write: others append too
	_ = f.Close()
}

// count looks at all messages of a Maildir and its folders but those that are in the trash or marked
// for it.
func count(d disk, root string) (all usage, err error) {
	entries, err := d.ReadDir(root)
	if err != nil {
		return all, err
	}
	folders := []string{root}
	for _, e := range entries {
		if name := e.Name(); e.IsDir() && strings.HasPrefix(name, ".") && name != ".Trash" {
			folders = append(folders, root+"/"+name)
		}
	}
	left := maxRecount
	for _, folder := range folders {
		for _, sub := range [...]string{"/new", "/cur"} {
			u, err := countFiles(d, folder+sub, &left)
			if err != nil {
				return all, err
			}
			all = all.plus(u)
		}
	}
	return all, nil
}

func countFiles(d disk, dir string, left *int) (all usage, err error) {
	entries, err := d.ReadDir(dir)
	if notExist(err) {
		return all, nil
	}
	for _, e := range entries {
		if *left--; *left < 0 {
			break // so many are enough to say that it is full
		}
		name := e.Name()
		if _, flags, _ := strings.Cut(name, ":2,"); strings.HasPrefix(name, ".") || strings.Contains(flags, "T") {
			continue
		}
		size, ok := sizeIn(name)
		if !ok {
			st, err := d.Lstat(dir + "/" + name)
			if notExist(err) {
				continue // it went meanwhile
			}
			if err != nil {
				return all, err
			}
			size = st.Size()
		}
		all = all.plus(usage{size, 1})
	}
	return all, err
}

// sizeIn finds the size that a file's name says (",S=1234").
func sizeIn(name string) (int64, bool) {
	_, rest, ok := strings.Cut(name, ",S=")
	if !ok {
		return 0, false
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	size, err := strconv.ParseInt(rest[:n], 10, 48)
	return size, err == nil
}

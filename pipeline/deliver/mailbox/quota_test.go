package mailbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// maildir makes a Maildir m with a file maildirsize of an age, and files in it.
func maildir(t *testing.T, size string, age time.Duration, names ...string) (base string) {
	t.Helper()
	base = t.TempDir()
	for _, dir := range []string{"m/tmp", "m/new", "m/cur", "m/.Sub/tmp", "m/.Sub/new", "m/.Sub/cur", "m/.Trash/cur"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(base, "m", name), []byte(strings.Repeat("x", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(base, "m", "maildirsize")
	if err := os.WriteFile(path, []byte(size), 0o600); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-age)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
	return base
}

// A message of about 150 bytes comes to Maildirs that have a maildirsize.
func TestAMaildirHoldsNoMoreThanItsQuota(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name  string
		size  string
		age   time.Duration
		files []string
		to    string // m/ unless set
		full  bool
		after string // of maildirsize, as a pattern; N is the size of the message
	}{
		{"there is room", "1000S\n100 1\n", 0, nil, "", false, `^1000S\n100 1\nN 1\n$`},
		{"no message has come yet", "1000S", 0, nil, "", false, `^1000SN 1\n$`},
		{"it is full, and was counted just now", "1000S\n950 1\n", 0, nil, "", true, `^1000S\n950 1\n$`},
		{"too many messages", "10C\n950 10\n", 0, nil, "", true, `^10C\n950 10\n$`},
		{"either limit counts", "1000S,10C\n100 10\n", 0, nil, "", true, `^1000S,10C\n100 10\n$`},
		{"both leave room", "1000S,10C\n100 9\n", 0, nil, "", false, `^1000S,10C\n100 9\nN 1\n$`},
		{"what went away makes room", "1000S\n950 5\n-500 -2\n", 0, nil, "", false, `^1000S\n950 5\n-500 -2\nN 1\n$`},
		{"it looks full, but has changed since it was counted", "1000S\n100 1\n900 1\n", 0, []string{"new/a"}, "", false, `^1000S\n100 1\nN 1\n$`},
		{"it looks full, and was counted long ago", "1000S\n1000 1\n", hour, []string{"new/a", "cur/b:2,S"}, "", false, `^1000S\n200 2\nN 1\n$`},
		{"it is full when counted", "1000S\n1000 1\n", hour, []string{"new/a,S=500", "cur/b,S=450,W=9:2,S"}, "", true, `^1000S\n950 2\n$`},
		{"folders count, the trash and what is marked for it do not", "300S\n1000 1\n", hour, []string{"cur/a:2,ST", ".Sub/cur/b:2,", ".Trash/cur/c"}, "", false, `^300S\n100 1\nN 1\n$`},
		{"a folder has the quota of its Maildir", "1000S\n1000 1\n", 0, nil, "m/.Sub/", true, `^1000S\n1000 1\n$`},
		{"a folder with room", "1000S\n100 1\n", 0, nil, "m/.Sub/", false, `^1000S\n100 1\nN 1\n$`},
		{"no limit", "0S\n1000 1\n", 0, nil, "", false, `^0S\n1000 1\n$`},
		{"nothing that is known", "x,-5S,12Q,\n1000 1\n", 0, nil, "", false, `^x,-5S,12Q,\n1000 1\n$`},
		{"lines that are none", "1000S\nx\n100 1\n1 2 3\n99999999999999999999 1\n", 0, nil, "", false, "N 1\n$"},
		{"a file that has become long", "1000S\n100 1\n" + strings.Repeat("0 0\n", 2000), 0, []string{"new/a"}, "", false, `^1000S\n100 1\nN 1\n$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := maildir(t, c.size, c.age, c.files...)
			to := "m/"
			if c.to != "" {
				to = c.to
			}
			w := mailbox.New(mailbox.Options{})
			_, err := w.Deliver(context.Background(), below(t, base, to), message("Subject: x\r\n\r\n"+strings.Repeat("y", 20)+"\r\n"))
			if c.full {
				wantReply(t, err, "5.2.2", "the mailbox is full")
			} else if err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, name := range files(t, filepath.Join(base, to, "new")) {
				if fields := regexp.MustCompile(`^\d+\.V.*,S=(\d+)$`).FindStringSubmatch(name); fields != nil {
					st, err := os.Stat(filepath.Join(base, to, "new", name))
					if err != nil || fmt.Sprint(st.Size()) != fields[1] {
						t.Errorf("the file %s has %d bytes, %v", name, st.Size(), err)
					}
					size = int(st.Size())
				}
			}
			if (size == 0) != c.full && !strings.HasPrefix(c.name, "no") {
				t.Errorf("a message of %d bytes came", size)
			}
			got := read(t, filepath.Join(base, "m", "maildirsize"))
			if want := strings.ReplaceAll(c.after, "N", fmt.Sprint(size)); !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("maildirsize has %.200q, want %s", got, want)
			}
			if left := files(t, filepath.Join(base, "m", "tmp")); len(left) > 0 {
				t.Errorf("tmp has %q", left)
			}
		})
	}
}

// Without the file a name is Postfix's; what stands in its place and is no file is none.
func TestAMaildirWithoutAQuotaHasPostfixsNames(t *testing.T) {
	for name, in := range map[string]func(path string) error{
		"nothing":     func(string) error { return nil },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link out":  func(path string) error { return os.Symlink("/etc/passwd", path) },
	} {
		base := t.TempDir()
		if err := os.Mkdir(filepath.Join(base, "m"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := in(filepath.Join(base, "m", "maildirsize")); err != nil {
			t.Fatal(err)
		}
		w := mailbox.New(mailbox.Options{})
		if _, err := w.Deliver(context.Background(), below(t, base, "m/"), message("\r\nx\r\n")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := files(t, filepath.Join(base, "m", "new")); len(got) != 1 || strings.Contains(got[0], "S=") {
			t.Errorf("%s: new has %q", name, got)
		}
	}
}

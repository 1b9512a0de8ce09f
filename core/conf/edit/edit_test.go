package edit_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mtad/mtad/core/conf/edit"
	"github.com/mtad/mtad/core/conf/maincf"
	"github.com/mtad/mtad/core/conf/mastercf"
)

const mainCF = `# head
a = 1
  # inner
  2

b=x
# between
a = 3
c = 4`

func TestMainCF(t *testing.T) {
	set := func(settings ...edit.Setting) func([]byte) []byte {
		return func(data []byte) []byte { return edit.Set(data, settings) }
	}
	tests := []struct {
		name   string
		change func([]byte) []byte
		want   string
	}{
		{"nothing changes", set(), mainCF},
		{"a name that is set twice is there once", set(edit.Setting{Name: "a", Value: "new"}),
			"# head\na = new\n  # inner\n\nb=x\n# between\nc = 4"},
		{"a new name is appended to a line without an end", set(edit.Setting{Name: "d", Value: "5 6"}), mainCF + "\nd = 5 6\n"},
		{"the last of two settings counts", set(edit.Setting{Name: "b", Value: "1"}, edit.Setting{Name: "b", Value: "2"}),
			strings.Replace(mainCF, "b=x", "b = 2", 1)},
		{"a name is no part of another", set(edit.Setting{Name: "bb", Value: "1"}), mainCF + "\nbb = 1\n"},
		{"a line without an end is replaced", set(edit.Setting{Name: "c", Value: ""}), strings.TrimSuffix(mainCF, "4") + "\n"},
		{"deleted", func(d []byte) []byte { return edit.Delete(d, []string{"a", "none"}) }, "# head\n  # inner\n\nb=x\n# between\nc = 4"},
		{"a comment", func(d []byte) []byte { return edit.Comment(d, []string{"a"}) },
			"# head\n#a = 1\n  # inner\n#  2\n\nb=x\n# between\n#a = 3\nc = 4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(tt.change([]byte(mainCF))); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestWhatWouldBeAnotherLineIsRefused(t *testing.T) {
	for _, text := range []string{"a = b\nc = d", "a = b\rc", "#a = b", " # a = b", "a b = c", "= c", "nothing", "a = \x00"} {
		if s, err := edit.ParseSetting(text); err == nil {
			t.Errorf("%q is %+v", text, s)
		}
	}
	for _, name := range []string{"", "  ", "#a", "a\nb"} {
		if edit.CheckName(name) == nil {
			t.Errorf("%q is a name", name)
		}
	}
	if s, err := edit.ParseSetting(" a  =  b = c "); err != nil || s != (edit.Setting{Name: "a", Value: "b = c"}) {
		t.Errorf("got %+v, %v", s, err)
	}
}

const masterCF = `# services
smtp inet n - n - - smtpd
#smtps inet
bad line
slow unix - - n - - smtp
  -o a=1
  # inner
  -o { b = 2 3 } -v
# after
smtp unix - - n - - smtp`

func TestMasterCF(t *testing.T) {
	must := func(s mastercf.Service, err error) (edit.Fate, string, error) {
		return edit.Replace, s.Fold() + "\n", err
	}
	slow := "slow       unix  -       -       n       -       -       smtp\n"
	tests := []struct {
		name, pattern string
		change        func(*mastercf.Service) (edit.Fate, string, error)
		want          string
	}{
		{"kept", "*", func(*mastercf.Service) (edit.Fate, string, error) { return edit.Keep, "", nil }, masterCF},
		{"removed", "slow/unix", func(*mastercf.Service) (edit.Fate, string, error) { return edit.Remove, "", nil },
			"# services\nsmtp inet n - n - - smtpd\n#smtps inet\nbad line\n  # inner\n# after\nsmtp unix - - n - - smtp"},
		{"a comment", "slow/unix", func(*mastercf.Service) (edit.Fate, string, error) { return edit.CommentOut, "", nil },
			"# services\nsmtp inet n - n - - smtpd\n#smtps inet\nbad line\n#slow unix - - n - - smtp\n#  -o a=1\n  # inner\n#  -o { b = 2 3 } -v\n# after\nsmtp unix - - n - - smtp"},
		{"another setting", "slow/unix", func(s *mastercf.Service) (edit.Fate, string, error) { return must(s.SetOverride("b", "4")) },
			"# services\nsmtp inet n - n - - smtpd\n#smtps inet\nbad line\n" + slow + "    -o a=1\n    -o b=4\n    -v\n  # inner\n# after\nsmtp unix - - n - - smtp"},
		{"a field of all services of a type", "*/inet", func(s *mastercf.Service) (edit.Fate, string, error) { return must(s.SetField("process_limit", "7")) },
			strings.Replace(masterCF, "smtp inet n - n - - smtpd", "smtp       inet  n       -       n       -       7       smtpd", 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := edit.ParsePattern(tt.pattern, 1, 2)
			if err != nil {
				t.Fatal(err)
			}
			match := func(name, kind string) bool { return name != "bad" && p.Matches(name, kind) }
			got, err := edit.Services([]byte(masterCF), match, tt.change)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, tt.want)
			}
		})
	}
	all, _ := edit.ParsePattern("bad/line", 2, 2)
	if _, err := edit.Services([]byte(masterCF), all.Matches, nil); err == nil {
		t.Error("a line that is no service is changed")
	}
	for _, text := range []string{"", "a//b", "a/b/c/d", "/a"} {
		if p, err := edit.ParsePattern(text, 1, 3); err == nil {
			t.Errorf("%q is %+v", text, p)
		}
	}
}

// TestAServiceThatChangesStaysOne covers changes that would make something else of the line.
func TestAServiceThatChangesStaysOne(t *testing.T) {
	s, err := mastercf.ParseService("slow unix - - n - - smtp -v -o a=1 -o b=2 -o a=3 -D")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"type", "carrier"}, {"wakeup", "soon"}, {"chroot", "n n"}, {"private", ""}, {"command", ""}, {"bogus", "n"}, {"command", "smtp -o x"}} {
		if changed, err := s.SetField(c[0], c[1]); err == nil {
			t.Errorf("%s = %q makes %s", c[0], c[1], changed.Format())
		}
	}
	once, err := s.SetOverride("a", "9")
	if want := "slow       unix  -       -       n       -       -       smtp -v -o a=9 -o b=2 -D"; err != nil || once.Format() != want {
		t.Errorf("got %q, %v", once.Format(), err)
	}
	gone, dropped, err := s.DropOverride(func(name string) bool { return name == "a" })
	if err != nil || !dropped || gone.Format() != "slow       unix  -       -       n       -       -       smtp -v -o b=2 -D" {
		t.Errorf("got %q, %v, %v", gone.Format(), dropped, err)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "real")
	if err := os.WriteFile(path, []byte("0"), 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "main.cf")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".tmp", []byte("left behind by somebody who died, and longer than what comes"), 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 { // writers wait for each other: none of the changes is lost
		wg.Go(func() {
			if err := edit.File(link, func(old []byte) ([]byte, error) { return append(old, '+'), nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	refused := errors.New("no")
	if err := edit.File(link, func([]byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "0++++++++" {
		t.Errorf("got %q, %v", data, err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 2 {
		t.Errorf("%v is left", names)
	}
	if edit.File(filepath.Join(dir, "none"), nil) == nil || edit.File(dir, nil) == nil {
		t.Error("what is no file is changed")
	}
}

// FuzzSet sets a parameter in any text: it has the value then, once, and all else is as it was.
func FuzzSet(f *testing.F) {
	f.Add([]byte(mainCF), "a", "v")
	f.Add([]byte("a\n = 1\n\t2\n#\n 3"), "a", "")
	f.Add([]byte(" a=1\r\n b=2\r\n"), "b", "x y")
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		s, err := edit.ParseSetting(name + "=" + value)
		if err != nil {
			return
		}
		before, problems := maincf.Parse("", data)
		if len(problems) > 0 {
			return
		}
		after, problems := maincf.Parse("", edit.Set(data, []edit.Setting{s}))
		if len(problems) > 0 {
			t.Fatalf("%v", problems[0])
		}
		times := 0
		for _, a := range after {
			if a.Name == s.Name {
				times++
				if a.Value != s.Value {
					t.Fatalf("%q instead of %q", a.Value, s.Value)
				}
			}
		}
		others := func(all []maincf.Setting) (text string) {
			for _, a := range all {
				if a.Name != s.Name {
					text += a.Name + "=" + a.Value + "\n"
				}
			}
			return text
		}
		if times != 1 || others(before) != others(after) {
			t.Fatalf("set %d times; %q became %q", times, others(before), others(after))
		}
	})
}

package mastercf

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/conf/postfixtest"
)

// one parses a text with one good service.
func one(t *testing.T, text string) Service {
	t.Helper()
	services, problems := Parse("master.cf", []byte(text), Defaults{})
	if len(services) != 1 || len(problems) != 0 {
		t.Fatalf("got %+v, problems %v", services, problems)
	}
	return services[0]
}

func TestColumns(t *testing.T) {
	tests := []struct {
		name, text string
		want       Service
	}{
		{"an inet service", "smtp inet n - n - - smtpd",
			Service{Name: "smtp", Type: Inet, Unprivileged: true, Limit: DefaultLimit, Program: "smtpd"}},
		{"defaults of a unix service", "smtp unix - - - - - smtp",
			Service{Name: "smtp", Type: Unix, Private: true, Unprivileged: true, Limit: DefaultLimit, Program: "smtp"}},
		{"a fifo that wakes", "pickup fifo n - n 60 1 pickup",
			Service{Name: "pickup", Type: FIFO, Unprivileged: true, Wakeup: time.Minute, Limit: 1, Program: "pickup"}},
		{"waking after first use, no limit, chroot", "flush unix n n y 1000? 0 flush",
			Service{Name: "flush", Type: Unix, Chroot: true, Wakeup: 1000 * time.Second, WakeupOnUse: true, Program: "flush"}},
		{"a datagram socket", "postlog unix-dgram n - n - 1 postlogd",
			Service{Name: "postlog", Type: UnixDgram, Unprivileged: true, Limit: 1, Program: "postlogd"}},
		{"passed connections", "smtpd pass - - n - - smtpd",
			Service{Name: "smtpd", Type: Pass, Private: true, Unprivileged: true, Limit: DefaultLimit, Program: "smtpd"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := one(t, tt.text)
			tt.want.File, tt.want.Line, tt.want.columns = "master.cf", 1, got.columns
			if !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestChrootByDefaultBelowLevelOne(t *testing.T) {
	services, _ := Parse("", []byte("smtp unix - - - - - smtp\nb unix - - n - - smtp"), Defaults{Chroot: true})
	if !services[0].Chroot || services[1].Chroot {
		t.Fatalf("got %+v", services)
	}
}

func TestOverridesAndArguments(t *testing.T) {
	s := one(t, `# the submission service
submission inet n - n - - smtpd
  -o { smtpd_banner = a b  c }
  -o {x=y}
# a comment in between
  -oa=b -v -vv
  -o relay= -o syslog_name=postfix/$service_name -D
  -o a=${x?{1}:{2}}
`)
	want := []Override{{"smtpd_banner", "a b  c", 3}, {"x", "y", 4}, {"a", "b", 6}, {"relay", "", 7},
		{"syslog_name", "postfix/$service_name", 7}, {"a", "${x?{1}:{2}}", 8}}
	if !reflect.DeepEqual(s.Overrides, want) || s.Verbose != 3 || !s.Debug || len(s.Args) != 0 || s.Line != 2 {
		t.Errorf("got %+v", s)
	}
	if v, ok := s.Override("a"); v != "${x?{1}:{2}}" || !ok {
		t.Errorf("the last override does not count: %q", v)
	}
	if v, ok := s.Override("relay"); v != "" || !ok {
		t.Error("an empty override does not count")
	}
	if _, ok := s.Override("none"); ok {
		t.Error("an override that is not there")
	}
	p := one(t, "maildrop unix - n n - - pipe\n  -v flags=DRXhu user=vmail argv=/usr/bin/maildrop { -d  x } ${recipient} -o")
	if got := strings.Join(p.Args, "|"); got != "flags=DRXhu|user=vmail|argv=/usr/bin/maildrop|-d  x|${recipient}|-o" || p.Verbose != 1 {
		t.Errorf("got %q", got)
	}
}

func TestHostPort(t *testing.T) {
	for name, want := range map[string][2]string{
		"smtp": {"", "smtp"}, "10025": {"", "10025"}, "127.0.0.1:10026": {"127.0.0.1", "10026"}, "[::1]:submission": {"::1", "submission"},
		"::1:smtp": {"::1", "smtp"}, "localhost:25": {"localhost", "25"}, "[127.0.0.1]:25": {"127.0.0.1", "25"},
	} {
		s := one(t, name+" inet n - n - - smtpd")
		if host, port := s.HostPort(); host != want[0] || port != want[1] {
			t.Errorf("%s is %q, %q", name, host, port)
		}
	}
	private, public := one(t, "a/b unix - - n - - smtp"), one(t, "showq unix n - n - - showq")
	if private.Path() != "private/a/b" || public.Path() != "public/showq" {
		t.Errorf("got %q, %q", private.Path(), public.Path())
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"seven columns", "a unix n - - - smtp", "7 columns"},
		{"a null character", "a unix n - - - - smtp -o a=\x00", "null character"},
		{"an unknown type", "a bad n - - - - smtp", `service type "bad": inet, unix, unix-dgram, fifo or pass expected`},
		{"a private inet service", "smtp inet y - n - - smtpd", "cannot be private"},
		{"an inet service that is private by default", "smtp inet - - n - - smtpd", "cannot be private"},
		{"a bad flag", "a unix x - - - - smtp", `invalid private field "x"`},
		{"a bad chroot flag", "a unix - - yes - - smtp", `invalid chroot field "yes"`},
		{"a bad wake-up", "a unix n - - 10x - smtp", `invalid wakeup field "10x"`},
		{"a wake-up of a question mark", "a unix n - - ? - smtp", "invalid wakeup field"},
		{"a bad limit", "a unix n - - 10 z smtp", `invalid process_limit field "z"`},
		{"a negative limit", "a unix n - - 10 -5 smtp", "invalid process_limit field"},
		{"an unknown program", "a unix n - - - - nosuch", `service a: unknown program "nosuch"`},
		{"a misspelt program", "a unix n - - - - smptd", "is smtpd meant?"},
		{"a program with its directory", "a unix n - - - - /usr/lib/postfix/sbin/smtp", "without its directory: smtp"},
		{"a brace that does not close", "a unix n - - - - smtp -o { a = b", "do not close"},
		{"an override without value", "a unix n - - - - smtp -o a", "name=value or { name = value } expected"},
		{"an override without name", "a unix n - - - - smtp -o =b", "expected"},
		{"an override with white space outside braces", "a inet n - n - - smtpd -o a = b", "expected"},
		{"an override with a name of two words", "a unix n - - - - smtp -o { a b = c }", "expected"},
		{"nothing after -o", "a unix n - - - - smtp -o", "nothing follows -o"},
		{"another option", "a unix n - - - - smtp -x", `unknown option "-x"`},
		{"a port too high", "127.0.0.1:70000 inet n - n - - smtpd", "[HOST:]PORT expected"},
		{"no port", "127.0.0.1: inet n - n - - smtpd", "[HOST:]PORT expected"},
		{"no host before the colon", ":25 inet n - n - - smtpd", "no host"},
		{"a bracket alone", "[::1:25 inet n - n - - smtpd", ""},
		{"an absolute path", "/tmp/x unix n - n - - smtp", "a path below queue_directory"},
		{"a path that leaves", "a/../../x unix n - n - - smtp", "a path below queue_directory"},
		{"braces in an argument", "a unix n - n - - pipe argv=x}y{z}", ""},
		{"one brace in an argument", "a unix n - n - - pipe argv={x", "do not close"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := "good unix - - n - - smtp\n\n" + tt.text + "\nlast unix - - n - - smtp\n"
			services, problems := Parse("/etc/x/master.cf", []byte(text), Defaults{})
			if tt.want == "" {
				if len(problems) != 0 {
					t.Fatalf("got %v", problems)
				}
				return
			}
			if len(services) != 2 || len(problems) == 0 || problems[0].Warning {
				t.Fatalf("got %+v, %v", services, problems)
			}
			if got := problems[0].Error(); !strings.HasPrefix(got, "/etc/x/master.cf:3: ") || !strings.Contains(got, tt.want) {
				t.Fatalf("got %q, want %q on line 3", got, tt.want)
			}
		})
	}
}

func TestAProblemNamesThePhysicalLine(t *testing.T) {
	_, problems := Parse("m", []byte("a unix - - n - - smtp\n# x\n  -o a=b\n  -o c\n"), Defaults{})
	if len(problems) != 1 || problems[0].Error() != "m:4: -o c: name=value or { name = value } expected" || problems[0].Service != "a/unix" {
		t.Fatalf("got %v", problems)
	}
}

func TestTheLastOfTwoEqualServicesCounts(t *testing.T) {
	all, _ := Parse("master.cf", []byte("smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\nsmtp inet n - n - 5 smtpd\n"), Defaults{})
	services, problems := Unique(all)
	if len(services) != 2 || services[0].Type != Unix || services[1].Limit != 5 {
		t.Errorf("got %+v", services)
	}
	want := "master.cf:1: service smtp/inet is defined again on line 3: this definition is not used"
	if len(problems) != 1 || !problems[0].Warning || problems[0].Error() != want {
		t.Errorf("got %v", problems)
	}
}

func TestStock(t *testing.T) {
	all, problems := Parse("", stock, Defaults{})
	if len(problems) != 0 || !reflect.DeepEqual(all, Stock()) {
		t.Fatalf("got %v", problems)
	}
	if unique, _ := Unique(all); len(unique) != len(all) || len(all) < 25 {
		t.Fatalf("%d services, %d of them different", len(all), len(unique))
	}
	for _, s := range all {
		if p, ok := ProgramNamed(s.Program); !ok || p.Effect == param.Unsupported {
			t.Errorf("the stock service %s is %+v", &s, p)
		}
	}
}

func TestPrograms(t *testing.T) {
	last := ""
	for _, p := range Programs() {
		if p.Name <= last || p.Note == "" || p.Effect == "" {
			t.Errorf("after %q: %+v", last, p)
		}
		last = p.Name
	}
}

func TestFields(t *testing.T) {
	s := one(t, "flush unix n - - 1000? 0 flush -o { a = b c }")
	var got []string
	for _, f := range s.Fields() {
		got = append(got, f.Name+" = "+f.Value)
	}
	want := "flush/unix/service = flush|flush/unix/type = unix|flush/unix/private = n|flush/unix/unprivileged = -|flush/unix/chroot = -|" +
		"flush/unix/wakeup = 1000?|flush/unix/process_limit = 0|flush/unix/command = flush -o {a=b c}"
	if strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

// samples are lines whose form `postconf -M` is asked for.
const samples = `smtp inet n - n - - smtpd
  -o { smtpd_banner = a b  c }
  -o {x=y}
  -oa=b -v -v
# comment
  -o c=d
127.0.0.1:10026     inet n       -       n       -       100      smtpd
pipe1 unix - n n - - pipe
  flags=DR user=vmail argv=/bin/x { a  b } ${recipient}
foo unix - - n - - smtp -o { a
  = b c } -D
scalemail-backend unix -       n       n       -       2       pipe
  flags=R user=scalemail argv=/usr/lib/scalemail/bin/scalemail-store ${nexthop} ${user} ${extension}
postlog   unix-dgram n  -       n       -       1       postlogd
flush     unix  n       -       n       1000?   0       flush
`

// TestFormatIsPostfixs compares with what postconf -M answered, and with postconf where it is.
func TestFormatIsPostfixs(t *testing.T) {
	services, problems := Parse("master.cf", []byte(samples), Defaults{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got, fields []string
	for _, s := range services {
		got = append(got, s.Format())
		for _, f := range s.Fields() {
			fields = append(fields, f.Name+" = "+f.Value)
		}
	}
	for _, want := range []string{
		`smtp       inet  n       -       n       -       -       smtpd -o {smtpd_banner=a b  c} -o x=y -o a=b -v -v -o c=d`,
		`scalemail-backend unix - n       n       -       2       pipe flags=R user=scalemail argv=/usr/lib/scalemail/bin/scalemail-store ${nexthop} ${user} ${extension}`,
		`postlog    unix-dgram n  -       n       -       1       postlogd`,
	} {
		if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+want+"\n") {
			t.Errorf("no line %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"main.cf": "", "master.cf": samples} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for option, ours := range map[string][]string{"-M": got, "-F": fields} {
		if want := strings.Join(postfixtest.Postconf(t, dir, option), "\n"); strings.Join(ours, "\n") != want {
			t.Errorf("postconf %s has\n%s\nours is\n%s", option, want, strings.Join(ours, "\n"))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(samples))
	f.Add([]byte("a unix - - - - - smtp -o {"))
	f.Add([]byte("[::1]:25 inet n n y 5? 0 smtpd {a} }{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		services, problems := Parse("f", data, Defaults{})
		for _, p := range problems {
			if p.Line < 1 || p.Text == "" {
				t.Fatalf("%+v", p)
			}
		}
		for _, s := range services {
			again, problems := Parse("f", []byte(s.Format()), Defaults{})
			if len(again) != 1 || len(problems) != 0 {
				t.Fatalf("%q: %v", s.Format(), problems)
			}
			g := again[0]
			if g.String() != s.String() || g.Program != s.Program || len(g.Args) != len(s.Args) || len(g.Overrides) != len(s.Overrides) || g.Limit != s.Limit {
				t.Fatalf("%+v became %+v", s, g)
			}
		}
	})
}

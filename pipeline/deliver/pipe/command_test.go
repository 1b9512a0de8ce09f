package pipe_test

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/deliver/pipe"
)

func TestAttributesThatCannotBeObeyed(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no command at all", []string{"user=a"}, "argv= is missing"},
		{"an empty command", []string{"user=a", "argv="}, "names no command"},
		{"no user", []string{"argv=/bin/cat"}, "user= is missing"},
		{"an empty user", []string{"user=", "argv=/bin/cat"}, "user or user:group"},
		{"an empty group", []string{"user=a:", "argv=/bin/cat"}, "user or user:group"},
		{"an unknown flag", []string{"flags=DZ", "user=a", "argv=/bin/cat"}, `'Z' is none of BDFORXhqu.>`},
		{"an unknown attribute", []string{"colour=red", "user=a", "argv=/bin/cat"}, "colour= is no attribute"},
		{"no attribute", []string{"red", "user=a", "argv=/bin/cat"}, `"red" is no attribute`},
		{"a size that is none", []string{"size=big", "user=a", "argv=/bin/cat"}, "a number of bytes"},
		{"a size of nothing", []string{"size=0", "user=a", "argv=/bin/cat"}, "a number of bytes"},
		{"an unknown escape", []string{`eol=\x`, "user=a", "argv=/bin/cat"}, `\x is no escape`},
		{"half an escape", []string{`eol=\`, "user=a", "argv=/bin/cat"}, "nothing follows"},
		{"an octal number beyond a byte", []string{`eol=\777`, "user=a", "argv=/bin/cat"}, "is no escape"},
		{"an unknown macro", []string{"user=a", "argv=/bin/cat", "${recipent}"}, `unknown macro name: "recipent"`},
		{"no name behind $", []string{"user=a", "argv=/bin/cat", "5$"}, `unknown macro name: ""`},
		{"a macro without end", []string{"user=a", "argv=/bin/cat", "${user"}, "does not end"},
		{"a conditional", []string{"user=a", "argv=/bin/cat", "${user?x}"}, `unknown macro name: "user?x"`},
		{"a command that the message chooses", []string{"user=a", "argv=/bin/${user}"}, "must not depend on the message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := pipe.Parse(c.args); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestNewNeedsACommandATimeLimitAndALog(t *testing.T) {
	w := newWorld(t)
	c, err := pipe.Parse([]string{"user=" + self(t), "argv=", "/bin/cat"})
	if err != nil {
		t.Fatal(err)
	}
	full := w.o
	full.Command = c
	if _, err := pipe.New(full); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*pipe.Options){
		"no command":    func(o *pipe.Options) { o.Command = pipe.Command{} },
		"no time limit": func(o *pipe.Options) { o.TimeLimit = 0 },
		"no log":        func(o *pipe.Options) { o.Log = nil },
	} {
		o := full
		spoil(&o)
		if _, err := pipe.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheEnvironmentIsWhatIsExported(t *testing.T) {
	got := pipe.Environment([]string{"TZ", "MAIL_CONFIG", "LANG", "A=b=c", "GONE", "SECRET"},
		[]string{"MAIL_CONFIG", "TZ", "LANG=C", "GONE"}, []string{"TZ=UTC", "LANG=de", "SECRET=x", "MAIL_CONFIG=/other"}, "/etc/mtad")
	if want := "PATH=/usr/bin:/bin TZ=UTC MAIL_CONFIG=/etc/mtad LANG=C A=b=c"; strings.Join(got, " ") != want {
		t.Errorf("got %q", got)
	}
	got = pipe.Environment([]string{"PATH=/opt/bin"}, nil, nil, "")
	if strings.Join(got, " ") != "PATH=/opt/bin" {
		t.Errorf("got %q", got)
	}
}

package spawn_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/spawn"
)

func TestAttributesOfAService(t *testing.T) {
	for args, want := range map[string]spawn.Command{
		"user=nobody argv=/usr/bin/perl /etc/policy.pl -x": {User: "nobody", Argv: []string{"/usr/bin/perl", "/etc/policy.pl", "-x"}},
		"user=a:b argv= /bin/cat user=c":                   {User: "a", Group: "b", Argv: []string{"/bin/cat", "user=c"}},
		"user=a user=b argv=/bin/cat $x ${y}":              {User: "b", Argv: []string{"/bin/cat", "$x", "${y}"}},
	} {
		got, err := spawn.Parse(strings.Fields(args))
		if err != nil || got.User != want.User || got.Group != want.Group || !slices.Equal(got.Argv, want.Argv) {
			t.Errorf("%s: got %+v, %v", args, got, err)
		}
	}
}

func TestAttributesThatCannotBeObeyed(t *testing.T) {
	for args, want := range map[string]string{
		"":                            "argv= is missing",
		"user=nobody":                 "argv= is missing",
		"argv=/bin/cat":               "user= is missing",
		"user=nobody argv=":           "argv= names no command",
		"user= argv=/bin/cat":         "user=: a user or user:group expected",
		"user=a: argv=/bin/cat":       "user=a:: a user or user:group expected",
		"user=:b argv=/bin/cat":       "user=:b: a user or user:group expected",
		"directory=/ argv=/bin/cat":   "directory= is no attribute of spawn",
		"user=a nobody argv=/bin/cat": `"nobody" is no attribute`,
	} {
		if _, err := spawn.Parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

// What Parse takes has a command, as it was written, and somebody to run it as.
func FuzzParse(f *testing.F) {
	f.Add("user=nobody argv=/usr/bin/perl /etc/policy.pl")
	f.Add("user=a:b argv= /bin/cat")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		c, err := spawn.Parse(args)
		if err != nil {
			return
		}
		if c.User == "" || len(c.Argv) == 0 || c.Argv[0] == "" {
			t.Fatalf("got %+v", c)
		}
		if n := len(c.Argv) - 1; n > 0 && !slices.Equal(c.Argv[len(c.Argv)-n:], args[len(args)-n:]) {
			t.Fatalf("the arguments %q became %q", args, c.Argv)
		}
	})
}

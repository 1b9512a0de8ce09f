package sdktest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

// limiter is the plugin of the tutorial, and tags what it lets through.
type limiter struct{ most int }

func (l *limiter) Init(tx sdk.Tx) error {
	l.most = tx.ConfigInt("most", 10)
	return nil
}

func (l *limiter) Rcpt(tx sdk.Tx) sdk.Verdict {
	n, err := tx.Increase("from "+tx.Sender(), 1, 3600)
	switch {
	case err != nil:
		return sdk.Tempfail("4.3.0", "cannot count")
	case n > int64(l.most):
		tx.Count("refused", 1)
		tx.Log(sdk.LevelInfo, "too eager: "+tx.Sender())
		return sdk.Tempfail("4.7.1", "too many recipients in an hour")
	}
	return sdk.Continue
}

func (l *limiter) EOM(tx sdk.Tx) sdk.Verdict {
	tx.SetHeader("Subject", "[x] "+tx.Header("Subject"))
	tx.ReplaceBody(strings.NewReader("new\n"))
	tx.AddRcpt("archive@example.com")
	return sdk.Continue
}

func build() sdk.Plugin { return &limiter{} }

const good = `
# the tutorial
plugin limiter
config most = 1
allow kv edit

load
> hooks rcpt eom
connect 192.0.2.1
mail a@example.net
rcpt b@example.com
rcpt c@example.com
> tempfail 451 4.7.1 too many recipients in an hour
> counter refused 1
> log info too eager: a@example.net
> kv "from a@example.net" = 2
wait 1h
> kv "from a@example.net" none
rcpt c@example.com
message
| Subject: hello
| X: y
|
| old
eom
> -header 0 Subject: hello
> +header 0 Subject: [x] hello
> +rcpt archive@example.com
> body
| new
`

func play(t *testing.T, text string) error {
	t.Helper()
	sc, err := sdktest.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return sdktest.Play(context.Background(), sdktest.Linked(build), sc, sdktest.Options{}).Err("x.txt")
}

func TestATranscriptThatIsTruePasses(t *testing.T) {
	if err := play(t, good); err != nil {
		t.Fatal(err)
	}
}

// Each line of a true transcript matters: changed, it is missed, and what happened is shown.
func TestADifferenceIsShownWithItsLine(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"> tempfail 451 4.7.1 too many recipients in an hour", "> continue", "x.txt:12: rcpt c@example.com\n  - continue\n  + tempfail 451 4.7.1 too many recipients in an hour"},
		{"> tempfail 451 4.7.1 too many recipients in an hour\n", "", "+ tempfail 451"},
		{"> counter refused 1", "> counter refused 2", "- counter refused 2"},
		{"> log info too eager: a@example.net", "> log info nothing", "- log info nothing\n  + log info too eager: a@example.net"},
		{`> kv "from a@example.net" = 2`, `> kv "from a@example.net" = 3`, "- kv"},
		{"> +rcpt archive@example.com\n", "", "+ +rcpt archive@example.com"},
		{"> -header 0 Subject: hello\n", "", "+ -header 0 Subject: hello"},
		{"> +header 0 Subject: [x] hello", "> +header 1 Subject: [x] hello", "- +header 1"},
		{"| new", "| newer", "- body\n  - | newer\n  + body\n  + | new"},
		{"> body\n| new\n", "", "+ body\n  + | new"},
		{"> body\n| new\n", "> body lacks new\n", "- body lacks new"},
		{"> hooks rcpt eom", "> hooks rcpt", "- hooks rcpt"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("no %q", c.old)
		}
		err := play(t, strings.Replace(good, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q:\n%v\nwant %q", c.new, c.old, err, c.want)
		}
	}
}

func TestParseSaysWhichLineIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"colour red\n", `line 1: unknown word "colour"`},
		{"connect\nfly\n", `line 2: unknown step "fly"`},
		{"> reject\n", "line 1: a demand before the first step"},
		{"connect\n> maybe\n", `line 2: unknown demand "maybe"`},
		{"rcpt\n", "line 1: rcpt with 0 words"},
		{"connect\n| text\n", "line 2: text after \"connect\""},
		{"message\n* x \"y\"\n", `line 2: "x" is no count`},
		{"message\n* 99999999 \"many\"\n", "line 2: text larger"},
		{"message\n\\ plain\n", "line 2: \"plain\" is no quoted string"},
		{"time noon\n", "line 1: time noon"},
		{"wait long\n", "line 1: wait long"},
		{"dns FOO x = y\n", "line 1: want: dns"},
		{"map t k\n", "line 1: want: map"},
		{"config x = \"open\n", "line 1: \"open is no quoted string"},
		{"mail \"open\n", "line 1: \"open: the quoted string does not end"},
	} {
		if _, err := sdktest.Parse(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

func TestMailPlaysAMessageAndDemandsNothing(t *testing.T) {
	sc := sdktest.Mail([]byte("Subject: hi\n\nhello\n"), "a@example.net", "b@example.com")
	sc.Setup.Allow = []string{"edit", "kv"}
	r := sdktest.Play(context.Background(), sdktest.Linked(build), sc, sdktest.Options{})
	if err := r.Err(""); err != nil {
		t.Fatal(err)
	}
	if got := r.String(); !strings.Contains(got, "eom\n> continue\n> +rcpt archive@example.com\n> -header 0 Subject: hi\n> +header 0 Subject: [x] hi\n> body\n") {
		t.Fatal(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("map a \"b c\" = d\ndns mx x = 10 y\ndns mx x = 20 z\nevent sent a@b event.dsn=\"2.0.0\"\n> log info ...\n"))
	f.Add([]byte("message\n* 3 \"x\\r\\n\"\n\\ \"\\x00\"\neom\n> body\n| x\n> failure trap\nrcpt <> A=B\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 || strings.Contains(string(b), "\n*") {
			return // repetitions only cost time
		}
		sc, err := sdktest.Parse(strings.NewReader(string(b)))
		if err != nil {
			return
		}
		sdktest.Play(context.Background(), sdktest.Linked(build), sc, sdktest.Options{}).Err("f")
	})
}

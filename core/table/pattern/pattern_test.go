package pattern

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// open reads a table without problems of skipped rules.
func open(t testing.TB, d Dialect, text string) *Table {
	t.Helper()
	tb, problems, err := Parse("table", []byte(text), Options{Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if p.Skipped {
			t.Fatalf("%+v in\n%s", p, text)
		}
	}
	return tb
}

// ask returns "-" for a key that is not found.
func ask(t testing.TB, tb *Table, key string) string {
	t.Helper()
	v, ok, err := tb.Lookup(context.Background(), key)
	if err != nil {
		t.Fatalf("%q: %v", key, err)
	}
	if !ok {
		return "-"
	}
	return v
}

// dialogue is a table and what keys find in it. The test that compares with Postfix uses them too.
type dialogue struct {
	name    string
	dialect Dialect
	table   string
	keys    []string
	want    []string
}

var dialogues = []dialogue{
	{"the first rule that matches answers", POSIX, "/foo/ one\n/fo/ two\n", []string{"xfoo", "xfo", "x"}, []string{"one", "two", "-"}},
	{"case does not matter, unless flag i says so", POSIX, "/Foo/ a\n/Bar/i b\n", []string{"fOO", "bar", "Bar"}, []string{"a", "-", "b"}},
	{"any character delimits", POSIX, "=foo= x\n|a/b| slash\n", []string{"a/b", "foo", "q"}, []string{"slash", "x", "-"}},
	{"an escaped delimiter is no delimiter", POSIX, `/a\/b/ x`, []string{"a/b"}, []string{"x"}},
	{"groups", POSIX, `/^(a+)-(b*)$/ <$1|${2}|$(1)|$$1>`, []string{"aa-bb", "a-"}, []string{"<aa|bb|aa|$1>", "<a||a|$1>"}},
	{"a dollar at the end of an expression is the end of the key", POSIX, "/a$/ end\n/^b/ start\n", []string{"a\nb", "b\nc", "a\n", "b\na"}, []string{"-", "start", "-", "end"}},
	{"with flag m lines have ends and the dot stops at them", POSIX, "/^b$/m line\n/x.y/m dot\n/p.q/ all\n/[^k]z/m not\n", []string{"a\nb\nc", "x\ny", "p\nq", "\nz"}, []string{"line", "-", "all", "-"}},
	{"basic syntax", POSIX, "/^a+\\(b\\)\\{2\\}$/x <$1>\n/^*q\\|r$/x star\n", []string{"a+bb", "*q", "r", "aabb"}, []string{"<b>", "star", "star", "-"}},
	{"brackets", POSIX, "/^[]a-c^[:digit:]\\]+$/ in\n", []string{"]", "b", "7^", "\\", "d"}, []string{"in", "in", "in", "in", "-"}},
	{"glibc's extensions", POSIX, "/^\\w+\\s\\S$/ w\n/\\<foo\\>/ word\n", []string{"ab c", "a foo b", "afoo"}, []string{"w", "word", "-"}},
	{"the longest alternative is the match", POSIX, "/^(a|ab)(c|bcd)?/ <$1|$2>\n", []string{"abcd"}, []string{"<a|bcd>"}},
	{"back-references", POSIX, "/^(.)(.)\\2\\1$/ palindrome\n", []string{"abba", "abab"}, []string{"palindrome", "-"}},
	{"repetition of repetition", POSIX, "/^a**b$/ x\n/^(c{2}){2}$/ y\n", []string{"aab", "cccc", "ccc"}, []string{"x", "y", "-"}},
	{"blocks", POSIX, "if /^a/\n/b/ ab\nif !/c/\n/d/ ad\nendif\n/e/ ae\nendif\n/b/ b\n", []string{"ab", "ad", "acd", "ace", "xb", "xd"}, []string{"ab", "ad", "-", "ae", "b", "-"}},
	{"negation", POSIX, "!/@example\\.org$/ foreign\n/./ own\n", []string{"a@b", "a@example.org"}, []string{"foreign", "own"}},
	{"continuation lines", POSIX, "/a/\n   one\n   two\n# no\n/b/ x\n", []string{"a", "b"}, []string{"one   two", "x"}},
	{"white space before flags does not count", POSIX, "if /a/\n/b/ in\nendif\n", []string{"ab", "b"}, []string{"in", "-"}},
	{"bytes above 127", POSIX, "/^.{2}$/ two\n/^.$/ one\n/ü/ u\n", []string{"ä", "\xe4", "xxü", "xxÜ"}, []string{"two", "one", "u", "-"}},

	{"Perl's classes", Perl, `/^(\w+)\s(\d+)\h$/ <$1|$2>`, []string{"ab 12 ", "ab x "}, []string{"<ab|12>", "-"}},
	{"the row of the lecture", Perl, `/(\S+)\.(\S+)@nasa\.cs\.nctu\.edu\.tw/ $1@nasa.cs.nctu.edu.tw`, []string{"first.last@nasa.cs.nctu.edu.tw"}, []string{"first@nasa.cs.nctu.edu.tw"}},
	{"Perl: the first alternative is the match", Perl, "/^(a|ab)(c|bcd)?/ <$1|$2>\n", []string{"abcd"}, []string{"<a|bcd>"}},
	{"assertions", Perl, "/^(?!.*@example\\.org$)/ foreign\n/(?<=a)b(?=c)/ abc\n/./ own\n", []string{"a@b", "a@example.org", "abc@example.org"}, []string{"foreign", "own", "abc"}},
	{"lazy, possessive and atomic", Perl, "/^(a+?)(a*)$/ <$1|$2>\n/^b++b/ never\n/^(?>c+)c/ never\n/^b+?/U greedy\n", []string{"aaa", "bbb", "ccc"}, []string{"<a|aa>", "greedy", "-"}},
	{"a dollar matches before a last newline, unless flag E", Perl, "/^a$/ a\n/^b$/E b\n", []string{"a\n", "b\n", "b", "a"}, []string{"a", "-", "b", "a"}},
	{"the dot matches newlines, unless flag s", Perl, "/^a.b$/ s\n/^c.d$/s nos\n", []string{"a\nb", "c\nd"}, []string{"s", "-"}},
	{"flag m", Perl, "/^b$/m line\n/^c$/ c\n", []string{"a\nb\nc", "a\nc"}, []string{"line", "-"}},
	{"flag x", Perl, "/^ a [ ] b # comment/x ab\n", []string{"a b", "ab"}, []string{"ab", "-"}},
	{"flag A", Perl, "/b|c/A b\n", []string{"bc", "xc", "c"}, []string{"b", "-", "b"}},
	{"flags inside", Perl, "/^(?-i)a(?i:b)c$/ x\n/^((?x) d e )f$/ y\n", []string{"aBc", "Abc", "aBC", "def"}, []string{"x", "-", "-", "y"}},
	{"names", Perl, "/^(.)(?P<two>.)(?<three>.)(?P=two)\\k<three>\\1$/ <$3|$2|$1>\n", []string{"abcbca"}, []string{"<c|b|a>"}},
	{"references", Perl, "/^(a)(b)\\g{-1}\\g1\\2$/ x\n", []string{"abbab"}, []string{"x"}},
	{"quoting", Perl, "/^\\Qa.b(\\E+$/ q\n/^[\\Q\\E^$.]+\\^/ set\n", []string{"a.b((", "$.", "a^b"}, []string{"q", "-", "set"}},
	{"POSIX classes in Perl", Perl, "/^[[:alpha:][:space:]-]+$/ a\n/^[\\w.-]+@$/ m\n", []string{"a b-", "a1", "x.y-z@"}, []string{"a", "-", "m"}},
	{"escapes", Perl, "/^\\x41\\x{42}\\t\\103\\e$/ x\n/[\\x80-\\xff]/ high\n", []string{"AB\tC\x1b", "日本", "ab"}, []string{"x", "high", "-"}},
	{"braces that are no repetition", Perl, "/^a{,2}$/ lit\n/^b{x}$/ lit2\n", []string{"a{,2}", "b{x}"}, []string{"lit", "lit2"}},
	{"a class that would be a subtraction elsewhere", Perl, "/^[a-c-[x]z]$/ c\n", []string{"[z]", "az]", "yz]"}, []string{"c", "c", "-"}},
	{"conversion of line breaks", Perl, "/^a\\Rb$/ r\n/^\\N+$/ n\n", []string{"a\r\nb", "a\nb", "ab"}, []string{"r", "r", "n"}},
	{"a byte that is no character is given back as it came", Perl, "/^(.)(?=x)/ <$1>\n/^(.)y/ [$1]\n", []string{"\xe4x", "\xe4y"}, []string{"<\xe4>", "[\xe4]"}},
}

func TestLookup(t *testing.T) {
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			tb := open(t, d.dialect, d.table)
			for i, key := range d.keys {
				if got := ask(t, tb, key); got != d.want[i] {
					t.Errorf("%q: got %q, want %q", key, got, d.want[i])
				}
			}
		})
	}
}

func TestProblemsAreReportedWithTheirLines(t *testing.T) {
	for _, c := range []struct {
		name    string
		dialect Dialect
		table   string
		line    int
		text    string
		skipped bool
	}{
		{"a group that does not close", POSIX, "# \n/bad(/ x\n", 2, "unmatched (", true},
		{"a group that is not there", POSIX, "/(a)/ $2\n", 1, "out of range", true},
		{"a number that is none", POSIX, "/(a)/ $1y\n", 1, "non-numeric", true},
		{"a group after a negation", POSIX, "!/(a)/ $1\n", 1, "negative match", true},
		{"a flag that is none", POSIX, "/a/q x\n", 1, "unknown regexp option", true},
		{"a line that is no rule", POSIX, "foo bar\n", 1, "unrecognized", true},
		{"an endif alone", POSIX, "endif\n", 1, "without matching if", true},
		{"an if without end", POSIX, "\nif /a/\n/b/ x\n", 2, "no endif", false},
		{"digits that are a letter", POSIX, "/^\\d+$/ x\n", 1, `\d is the letter d`, false},
		{"no delimiter at the end", POSIX, "/abc x\n", 1, "no closing delimiter", true},
		{"nothing to repeat", POSIX, "/*a/ x\n", 1, "invalid preceding", true},
		{"no result", POSIX, "/a/\n", 1, "empty result", false},
		{"a flag of regexp only in Perl", Perl, "/a/q x\n", 1, "unknown pcre option", true},
		{"an escape that Perl does not know", Perl, "/\\y/ x\n", 1, "unrecognized character", true},
		{"a class that does not close", Perl, "/[a/ x\n", 1, "missing terminating", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems, err := Parse("table", []byte(c.table), Options{Dialect: c.dialect})
			if err != nil || len(problems) != 1 {
				t.Fatalf("got %+v, %v", problems, err)
			}
			p := problems[0]
			if p.Line != c.line || !strings.Contains(p.Text, c.text) || p.Skipped != c.skipped {
				t.Fatalf("got %+v", p)
			}
		})
	}
}

func TestWhatCannotBeDoneIsRefusedAndNotLeftOut(t *testing.T) {
	for _, expr := range []string{`(?R)`, `a\Kb`, `(*UTF8)x`, `(?|a|b)`, `\p{L}`, `(?(1)a|b)`, `\g<1>`} {
		_, _, err := Parse("table", []byte("/ok/ x\n/"+expr+"/ x\n"), Options{Dialect: Perl})
		if !errors.Is(err, errUnsupported) || !strings.HasPrefix(err.Error(), "table:2: ") {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

func TestSubstitutionIsRefusedWhereItIsDangerous(t *testing.T) {
	o := Options{Dialect: Perl, NoSubstitution: true}
	if _, _, err := Parse("f", []byte("/(a)/ |$1\n"), o); !errors.Is(err, ErrSubstitution) {
		t.Fatalf("got %v", err)
	}
	if _, _, err := Parse("f", []byte("/(a)/ $$1\n"), o); err != nil {
		t.Fatalf("a dollar that is meant is no substitution: %v", err)
	}
}

func TestAnExpressionThatTakesTooLongIsAnErrorAndNotANo(t *testing.T) {
	tb := open(t, Perl, `/^(?=a)(a+)+$/ x`)
	if _, ok, err := tb.Lookup(context.Background(), strings.Repeat("a", 40)+"!"); ok || err == nil || !strings.Contains(err.Error(), "table:1:") {
		t.Fatalf("got %v, %v", ok, err)
	}
}

func TestExpressionsThatWouldBacktrackRunInLinearTime(t *testing.T) {
	tb := open(t, Perl, `/^(a+)+$/ x`)
	if got := ask(t, tb, strings.Repeat("a", 4000)+"!"); got != "-" {
		t.Fatalf("got %s", got)
	}
}

// What the filter finds must not depend on which rules stand beside a rule.
func TestTheFilterNeverHidesAMatch(t *testing.T) {
	var all strings.Builder
	for i := range 300 {
		fmt.Fprintf(&all, "/^Subject:.*(word%d|other%d)/ %d\n", i, i, i)
	}
	tb := open(t, Perl, all.String())
	for i := range 300 {
		for _, w := range []string{"word", "OTHER"} {
			key := fmt.Sprintf("subject: abc %s%d", w, i)
			want := open(t, Perl, fmt.Sprintf("/^Subject:.*(word%d|other%d)/ %d\n", i, i, i))
			if got := ask(t, want, key); got != fmt.Sprint(i) {
				t.Fatalf("%q alone: %s", key, got)
			}
			if got := ask(t, tb, key); got == "-" || !strings.HasPrefix(fmt.Sprint(i), got) {
				t.Fatalf("%q: got %s, want %d or what is part of it", key, got, i)
			}
		}
	}
}

func TestLiteralsOfExpressions(t *testing.T) {
	for expr, want := range map[string]string{
		`^Subject: *(v)iagra`: "[[subject:] [viagra]]",
		`foo|bar`:             "[[foo bar]]",
		`(foo|b)`:             "[]",
		`(?!secret)foo`:       "[[foo]]",
		`x*`:                  "[]",
		`(ab)+c`:              "[[ab]]",
		`^[a-z]+@example\.`:   "[[@example.]]",
	} {
		c, err := compile(Perl, expr, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(c.needs); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

package template_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mtad/mtad/pipeline/bounce/template"
)

const sample = `# ours
failure_template = <<EOF
Charset: iso-8859-1
From: MAILER-DAEMON (Mail Delivery System)
Subject: Zur` + "\xfc" + `ck
Postmaster-Subject: Kopie: Zur` + "\xfc" + `ck

Host $myhostname, ${myhostname}.
After $maximal_queue_lifetime_days days it costs $$5.
EOF

delay_template = <<END
Subject: late

EOF
$(delay_warning_time_hours) hours
END
`

func lookup(name string) (string, time.Duration, bool) {
	switch name {
	case "myhostname":
		return "mx.example\r\nX: y", -1, true
	case "maximal_queue_lifetime":
		return "5d", 5 * 24 * time.Hour, true
	case "delay_warning_time":
		return "4h", 4 * time.Hour, true
	}
	return "", 0, false
}

func TestTemplatesAreReadAndExpanded(t *testing.T) {
	set, err := template.Parse(sample, "bounce.cf")
	if err != nil {
		t.Fatal(err)
	}
	f, d := set[template.Failure], set[template.Delay]
	if f.Subject != "Zurück" || f.PostmasterSubject != "Kopie: Zurück" || f.From != "MAILER-DAEMON (Mail Delivery System)" || set[template.Success] != nil {
		t.Fatalf("%+v", f)
	}
	for tm, want := range map[*template.Template]string{
		f: "Host mx.example  X: y, mx.example  X: y.\nAfter 5 days it costs $5.\n",
		d: "EOF\n4 hours\n",
	} {
		if got, err := tm.Expand(lookup); got != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := set.Check(lookup); err != nil {
		t.Error(err)
	}
}

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"x = y":                                                                     "f:1: want NAME_template",
		"\nbogus_template = <<EOF\nEOF":                                             `f:2: there is no template "bogus"`,
		"failure_template = <<EOF\n\nx":                                             "does not end",
		"failure_template = <<EOF\nTo: x\n\nEOF":                                    `f:2: field "To" is not supported`,
		"failure_template = <<EOF\nhello\nEOF":                                      "want a field or an empty line",
		"failure_template = <<EOF\nCharset: klingon\n\nq\nEOF":                      "unknown character set",
		"failure_template = <<EOF\n\n\xff\nEOF":                                     "not utf-8",
		"delay_template = <<E\n\nE\ndelay_template = <<E\n\nE\n":                    "twice",
		"failure_template = <<E\n\n" + strings.Repeat("x", 1000) + "\nE":            "f:3: a line of more",
		"failure_template = <<E\nSubject: " + strings.Repeat("x", 1000) + "\n\nE\n": "f:2: a field of more",
	} {
		if _, err := template.Parse(text, "f"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestMacrosWithoutValueAreErrors(t *testing.T) {
	for body, want := range map[string]string{
		"$nosuch": "$nosuch has no value", "cost $ 5": "is no macro", "${x": "is no macro", "$myhostname_days": "has no value",
	} {
		set, err := template.Parse("failure_template = <<EOF\n\n"+body+"\nEOF\n", "f")
		if err != nil {
			t.Fatal(err)
		}
		if err := set.Check(lookup); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := template.Parse(text, "f")
		if err != nil {
			return
		}
		for name, tm := range set {
			if strings.ContainsAny(tm.Subject+tm.From+tm.PostmasterSubject, "\r\n\x00") || !utf8.ValidString(tm.Body) {
				t.Fatalf("%s: %+v", name, tm)
			}
			if out, err := tm.Expand(lookup); err == nil && strings.ContainsAny(out, "\r\x00") {
				t.Fatalf("%q", out)
			}
		}
	})
}

// A delay_warning_time of 0h, which is its default, once had no value: a file of Postfix's that
// names it did not load.
func TestATimeOfNothingIsZero(t *testing.T) {
	none := func(name string) (string, time.Duration, bool) { return "0h", 0, name == "delay_warning_time" }
	tt := template.Template{Name: template.Delay, Body: "after $delay_warning_time_hours hours\n"}
	if got, err := tt.Expand(none); err != nil || got != "after 0 hours\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

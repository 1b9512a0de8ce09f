package conf_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
	"github.com/mtad/mtad/core/conf/postfixtest"
)

func TestPostconf(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf": "compatibility_level = 3.6\nrelayhost =\nmyhostname = mail.example.com\nmacro = $mydomain\nmydestination = $macro,\n  localhost\nmynetwork = 10.0.0.0/8\nnothing_like_it = x\n",
	})
	c := conftest.LoadDir(t, dir)
	tests := []struct {
		name     string
		query    conf.Query
		lines    []string
		warnings []string
	}{
		{"names", conf.Query{Names: []string{"mydestination", "relayhost", "hopcount_limit"}},
			[]string{"mydestination = $macro, localhost", "relayhost =", "hopcount_limit = 50"},
			[]string{dir + "/main.cf: unused parameter: mynetwork=10.0.0.0/8 (is mynetworks meant?)", dir + "/main.cf: unused parameter: nothing_like_it=x"}},
		{"values alone", conf.Query{Names: []string{"macro", "relayhost"}, Form: conf.Form{ValueOnly: true}}, []string{"$mydomain", ""}, nil},
		{"expanded", conf.Query{Names: []string{"mydestination", "default_rbl_reply"}, Expand: true, Form: conf.Form{ValueOnly: true}},
			[]string{"example.com, localhost", "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using $rbl_domain${rbl_reason?; $rbl_reason}"}, nil},
		{"defaults", conf.Query{Names: []string{"mydestination", "myhostname", "slow_destination_rate_delay", "macro"}, Defaults: true},
			[]string{"mydestination = $myhostname, localhost.$mydomain, localhost", "myhostname = mail.example.com", "slow_destination_rate_delay = $default_destination_rate_delay"},
			[]string{"macro: unknown parameter"}},
		{"what is set", conf.Query{NonDefault: true},
			[]string{"compatibility_level = 3.6", "config_directory = " + dir, "macro = $mydomain", "mydestination = $macro, localhost", "myhostname = mail.example.com", "relayhost ="}, nil},
		{"an unknown name", conf.Query{Names: []string{"nosuch"}}, nil, []string{"nosuch: unknown parameter"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines, warnings := c.Postconf(tt.query)
			if !slices.Equal(lines, tt.lines) {
				t.Errorf("got %q, want %q", lines, tt.lines)
			}
			for _, w := range tt.warnings {
				if !slices.Contains(warnings, w) {
					t.Errorf("no warning %q in %q", w, warnings)
				}
			}
			if tt.query.Defaults && len(warnings) != len(tt.warnings) {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
	all, _ := c.Postconf(conf.Query{})
	defaults, _ := c.Postconf(conf.Query{Defaults: true})
	if !slices.IsSorted(namesOf(all)) || len(all) <= len(defaults) || len(defaults) < 900 {
		t.Errorf("%d lines, %d of them defaults", len(all), len(defaults))
	}
	for _, name := range []string{"virtual_maps", "nothing_like_it"} {
		if slices.Contains(namesOf(all), name) {
			t.Errorf("%s is listed", name)
		}
	}
}

func namesOf(lines []string) []string {
	var names []string
	for _, l := range lines {
		name, _, _ := strings.Cut(l, " =")
		names = append(names, name)
	}
	return names
}

// rows returns what a question about all of master.cf has for an answer.
func rows(t *testing.T, ask func(conf.Query) (lines, warnings []string, err error)) []string {
	t.Helper()
	lines, _, err := ask(conf.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestMasterLines(t *testing.T) {
	c := conftest.LoadDir(t, conftest.Dir(t, map[string]string{"main.cf": "", "master.cf": "smtp inet n - n - - smtpd -o b=2 -o { a = 1 1 } -o b=\n"}))
	for got, want := range map[string]string{
		strings.Join(rows(t, c.MasterLines), "\n"):      "smtp       inet  n       -       n       -       -       smtpd -o b=2 -o {a=1 1} -o b=",
		strings.Join(rows(t, c.MasterParameters), "\n"): "smtp/inet/a = 1 1\nsmtp/inet/b =",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if fields := rows(t, c.MasterFields); len(fields) != 8 || fields[7] != "smtp/inet/command = smtpd -o b=2 -o {a=1 1} -o b=" {
		t.Errorf("got %q", fields)
	}
}

// world is a main.cf with everything the language has.
const world = `# a comment
compatibility_level = 3.6
myhostname = mail.example.com
a1 = x
a2 = $a1 y
empty =
c1 = $empty
relayhost = $c1
mydestination = $myhostname, localhost.$mydomain
   # inside
   ${a1?{www.$mydomain}:{ftp.$mydomain}}

   $(undefined)
smtpd_banner = ${{$a2} == {x y} ? {equal} : {different}} $$5
smtp_helo_name = ${c1?set}${empty:unset}
mynetworks = 127.0.0.0/8, [::1]/128
canonical_maps = ${{10} > {9} ? {hash:/a}}, hash:$config_directory/b
virtual_alias_maps = $virtual_maps
virtual_maps = hash:/v
message_size_limit = 1000
always_bcc = ${undefined?{a}:{b}}
bounce_notice_recipient = ${{$compatibility_level} <level {3.10} ? {old} : {new}}
mailbox_command = /usr/bin/procmail -a "$EXTENSION"
insiders = reject
smtpd_restriction_classes = insiders
slow_destination_recipient_limit = 1
mua_restrictions = permit
smtpd_hard_error_limit = ${stress?1}${stress:5}
postscreen_dnsbl_sites = list.example=127.0.[0..255].0*-2
  other.example=127.0.0.[18;19;20]*3
smtpd_sender_restrictions = check_sasl_access,regexp:/x, inline:{ {a = b, c}, d=e }
virtual_transport = lmtp:inet:dovecot:24
milter_mail_macros = i {mail_addr} {client_addr}
unused_name = 1
other_destination_recipient_limit = 1
`

const worldServices = `smtp inet n - n - - smtpd -o smtpd_client_restrictions=$mua_restrictions
slow unix - - n - - smtp
maildrop unix - n n - - pipe flags=D user=nobody argv=/bin/true ${recipient}
127.0.0.1:10027 inet n n n - 0 spawn user=nobody argv=/bin/true
qmgr fifo n - n 300 1 qmgr
  -o syslog_name=watchdog
`

// TestPostconfIsPostfixs gives the same directory to Postfix.
func TestPostconfIsPostfixs(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"main.cf": world, "master.cf": worldServices})
	c := conftest.ReadDir(t, dir)
	for option, query := range map[string]conf.Query{
		"-n": {NonDefault: true}, "-nx": {NonDefault: true, Expand: true}, "-nh": {NonDefault: true, Form: conf.Form{ValueOnly: true}}, "-nhx": {NonDefault: true, Expand: true, Form: conf.Form{ValueOnly: true}},
	} {
		want := postfixtest.Postconf(t, dir, option)
		if got, _ := c.Postconf(query); !slices.Equal(got, want) {
			t.Errorf("postconf %s has\n%s\nours is\n%s", option, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
	ours, _ := c.Postconf(conf.Query{})
	known := namesOf(ours)
	for _, name := range namesOf(postfixtest.Postconf(t, dir)) {
		if !slices.Contains(known, name) {
			t.Errorf("Postfix lists %s", name)
		}
	}
	for _, option := range []string{"-M", "-F", "-P"} {
		got := map[string][]string{"-M": rows(t, c.MasterLines), "-F": rows(t, c.MasterFields), "-P": rows(t, c.MasterParameters)}[option]
		if want := postfixtest.Postconf(t, dir, option); !slices.Equal(got, want) {
			t.Errorf("postconf %s has %q, ours is %q", option, want, got)
		}
	}
}

// TestExpansionIsPostfixs asks Postfix for the value of each text.
func TestExpansionIsPostfixs(t *testing.T) {
	texts := []string{"$a1", "${a1}", "$(a1)", "${ a1 }", "$a2$a1", "$$a1", "$$$a1", "a$$", "$undefined-x", "${a1?yes}", "${a1:no}", "${empty?yes}", "${empty:no}",
		"${c1?yes}", "${c1:no}", "${a1?{t}:{f}}", "${undefined?{t}:{f}}", "${a1 ? {t} : {f}}", "${a1?t:f}", "${undefined:{f}}", "x${a1? in }x", "x${a1?{ in }}x",
		"${{$a1} == {x} ? {eq} : {ne}}", "${{x}=={x}}", "x${{x}=={y}}x", "${{10} < {9}?{lt}:{ge}}", "${{10} < {9a}?{lt}:{ge}}", "${{a} != {b}?{ne}:{eq}}",
		"${{010} == {10}?{eq}:{ne}}", "${{1} <= {1}?{le}:{gt}}", "${{b} >= {a}?{ge}:{lt}}", "${{b} > {a}?{gt}:{le}}", "${{3.6} <level {3.11}?{l}:{g}}",
		"${a1?${a2}}", "${a1?{$a2}:{${undefined:deep}}}", "${undefined?{$$}:{$$a1}}", "{a $a1}", "$a1.x", "${a1}:y", "${{ x } == {x}?{a}:{b}}", "$(a1?f(x))", "${a1?{{x}}}"}
	var names []string
	text := "a1 = x\na2 = $a1 y\nempty =\nc1 = $empty\n"
	for i, e := range texts {
		name := "t" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		names = append(names, name)
		text += name + " = " + e + "\n"
	}
	text += "mydestination = $" + strings.Join(names, " $") + "\n" // which makes all of them known to postconf
	dir := conftest.Dir(t, map[string]string{"main.cf": text, "master.cf": ""})
	c := conftest.ReadDir(t, dir)
	want := postfixtest.Postconf(t, dir, append([]string{"-x", "-h"}, names...)...)
	got, _ := c.Postconf(conf.Query{Names: names, Expand: true, Form: conf.Form{ValueOnly: true}})
	if len(got) != len(want) {
		t.Fatalf("%d values, Postfix has %d", len(got), len(want))
	}
	for i := range got {
		if strings.TrimSpace(got[i]) != strings.TrimSpace(want[i]) {
			t.Errorf("%s is %q, Postfix has %q", texts[i], got[i], want[i])
		}
	}
}

// TestTheDefaultNetworksArePostfixs compares mynetworks on the machine that the test runs on, with
// the style that both take by default: postconf shows what that one trusts whatever main.cf says,
// a quirk that is not copied.
func TestTheDefaultNetworksArePostfixs(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"main.cf": "", "master.cf": ""})
	c, err := conf.Read(dir, conf.WithEnviron(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(postfixtest.Postconf(t, dir, "-h", "mynetworks")[0])
	got := c.List("mynetworks")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, Postfix has %q", got, want)
	}
}

func TestReference(t *testing.T) {
	var b strings.Builder
	if err := conf.Reference(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"\n## The SMTP server\n",
		"\n| smtpd_recipient_limit | int, 1 or more | `1000` | effective | the recipients that one message may have |\n",
		"\n| myhostname | hostname | *the system's name* | effective |",
		"\n| *transport*_destination_rate_delay | default_destination_rate_delay |\n",
		"\n| smtpd | effective | receives over SMTP |\n",
		"| enum: host, subnet, class |",
		"| fallback_relay | list, old name |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		bars := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if strings.HasPrefix(line, "|") && bars != 6 && bars != 4 && bars != 3 {
			t.Errorf("a row that is none: %s", line)
		}
	}
}

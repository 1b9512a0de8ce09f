package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// postconfWorld is the directory that each command of the comparison gets a copy of.
func postconfWorld() map[string]string {
	return map[string]string{
		"main.cf": `# head
compatibility_level = 3.6
myhostname = h.example.com
mydomain = example.com

# the networks
mynetworks = 127.0.0.0/8,
   # inner
   10.0.0.0/8
mydestination = $myhostname, localhost.$mydomain, localhost, aaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example.com, ccccccc
#relayhost = commented
relayhost = [gw.example.com]:25
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, check_client_access { inline:{ a=b, c=d } }
default_rbl_reply = $rbl_code x
own = 1
canonical_maps = $own
smtpd_banner=x
always_bcc =
`,
		"master.cf": `# services
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       20       smtpd
  -o syslog_name=postfix/submission
  # a comment inside
  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }
  -o myhostname=sub.$mydomain
# after
slow unix - - n - - smtp
maildrop unix - n n - - pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient} aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbb
two inet n - n - - smtpd -v -o mynetworks=1.2.3.4 -o relayhost=x -D
`,
	}
}

// postconfSessions are commands, one a line; what is between bars is one argument.
const postconfSessions = `
-n
-nf
-nH
-nh
-nx
-nxf
mynetworks
-h mynetworks relayhost
-f mydestination smtpd_recipient_restrictions
-hf mydestination
-fx mydestination
-H relayhost own
-d hopcount_limit
-d mydestination relayhost
-p relayhost
-o relayhost=zz relayhost
-o |relayhost = z z| -n relayhost
-o foo relayhost
nosuchname
-d nosuchname
-C user
-C user -n
-C builtin -n
-C service -n
-C foo
-d -n
-h -H relayhost
-M
-Mf
-Mx
-Mxf
-M slow
-M submission/inet slow
-M */inet
-M nosuch/inet
-M a/b/c
-F
-Ff
-Fx submission
-Fh slow/unix/command
-FH slow
-F */*/chroot
-F a/b/c/d
-P
-Pf
-Px
-PH
-Ph submission/inet/syslog_name
-P submission
-P */inet/mynetworks
-M -n
-M -h
-l
-Z
-e |relayhost = [x]:25| new_one=5
relayhost=q
-p relayhost=q
-e mynetworks=1.2.3.4
-e smtpd_banner=
-e |always_bcc = a@b|
-e |new = $other| new=2
-e
-e noequals
-e |bad name = x|
-e |= x|
-e #x=y
-e a=1 -n
-e -h a=b
-d a=b
-n a=b
-X
-X relayhost mynetworks
-X own=2
-X nosuchname
-#
-# relayhost mynetworks
-# nosuchname
-# ||
-X -e own
-Me |slow/unix = slow unix - - n - 5 smtp -o a=b|
-Me |new/inet=new inet n - n - - smtpd -o x=y|
-M |new/inet=new inet n - n - - smtpd|
-Me |slow/unix = other unix - - n - 5 smtp|
-Me |x/unix = x unix - - -|
-Me |slow = slow unix - - n - - smtp|
-Me slow/unix
-MX slow/unix
-MX */inet
-MX nosuch/unix
-MX slow
-M# submission/inet
-M# slow/unix maildrop/unix
-Fe submission/inet/chroot=n
-Fe */inet/chroot=n slow/unix/process_limit=7
-Fe |slow/unix/command=smtp -o x=y -v|
-Fe |maildrop/unix/command=pipe user=nobody argv=/bin/true ${user}|
-Fe slow/unix/bogus=n
-Fe |slow/unix/wakeup=1 2|
-Fe slow/unix/wakeup=zz
-Fe slow/unix=n
-Fe nosuch/unix/chroot=n
-F slow/unix/service=fast
-FX slow/unix/chroot
-Pe submission/inet/syslog_name=other submission/inet/new=ab
-Pe two/inet/relayhost=y
-Pe maildrop/unix/z=1
-Pe |slow/unix/z=a b|
-Pe slow/unix
-Pe slow/unix=3
-Pe */inet/x=y
-PX submission/inet/syslog_name
-PX two/inet/mynetworks
-PX nosuch/inet/x
-P# two/inet/relayhost
`

// TestPostconfIsPostfixs gives each command to both: what is printed, the exit code, and what is in
// the files afterwards are the same. Postfix moves the comments inside a service that is changed to
// its front, where they stay behind it here; so comments are compared apart from the rest.
func TestPostconfIsPostfixs(t *testing.T) {
	if !havePostfix() {
		if os.Getenv(demandPeers) == "1" {
			t.Fatal("Debian's postfix is demanded")
		}
		t.Skip("install Debian's postfix to compare with its postconf")
	}
	var cases []*postconfCase
	for line := range strings.Lines(strings.TrimSpace(postconfSessions)) {
		c := &postconfCase{line: strings.TrimSpace(line), dir: t.TempDir()}
		c.args = append([]string{"-c", c.dir}, wordsWithBars(c.line)...)
		writeWorld(t, c.dir)
		cases = append(cases, c)
	}
	// Postfix asks the DNS for its own name, which takes its time: all are asked at once.
	var wg sync.WaitGroup
	places := make(chan bool, 16)
	for _, c := range cases {
		wg.Go(func() {
			places <- true
			defer func() { <-places }()
			cmd := exec.Command(peerCommand("postconf"), c.args...)
			c.out, c.err = cmd.Output()
			c.code = cmd.ProcessState.ExitCode()
		})
	}
	wg.Wait()
	for _, c := range cases {
		t.Run(c.line, c.compare)
	}
}

// postconfCase is a command, and what Postfix says and leaves behind.
type postconfCase struct {
	line, dir string
	args      []string
	out       []byte
	code      int
	err       error
}

// compare gives the command to mtad.
func (c *postconfCase) compare(t *testing.T) {
	var exit *exec.ExitError
	if c.err != nil && !errors.As(c.err, &exit) {
		t.Fatal(c.err)
	}
	wantFiles := readWorld(t, c.dir)
	writeWorld(t, c.dir)
	var out, errOut bytes.Buffer
	code := run(append([]string{"postconf"}, c.args...), nil, &out, &errOut)
	if out.String() != string(c.out) || code != c.code {
		t.Errorf("%sexit %d, %s\nPostfix:\n%sexit %d", out.String(), code, errOut.String(), c.out, c.code)
	}
	if files := readWorld(t, c.dir); files != wantFiles {
		t.Errorf("the files are\n%s\nPostfix:\n%s", files, wantFiles)
	}
}

// wordsWithBars splits a line at white space that is not between bars.
func wordsWithBars(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "|") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func writeWorld(t *testing.T, dir string) {
	t.Helper()
	for name, text := range postconfWorld() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// readWorld returns both files, in each the comments behind the rest; new parameters, which Postfix
// appends in no order, sorted.
func readWorld(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"main.cf", "master.cf"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var remarks, rest []string
		for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
			if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
				remarks = append(remarks, line)
			} else {
				rest = append(rest, line)
			}
		}
		if i := slices.IndexFunc(rest, func(s string) bool { return strings.HasPrefix(s, "always_bcc") }); i >= 0 {
			slices.Sort(rest[i+1:])
		}
		all.WriteString(strings.Join(append(rest, remarks...), "\n") + "\n")
	}
	return all.String()
}

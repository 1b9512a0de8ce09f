package master_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dsnCase is a message about which the sender hears, or does not.
type dsnCase struct {
	name string
	mail string   // parameters of MAIL
	to   []string // recipients with their parameters
	text string   // after the fields that all have
	// notices is how many the sender gets; late says that the message stays in the queue.
	notices int
	late    bool
}

const plainText = "Subject: x\r\n\r\nbody\r\n"

// far.test is a server with DSN, plain.test one without; here is delivered by discard, which is final.
var dsnCases = []dsnCase{
	{"a failure", "", []string{"refused-there@far.test"}, plainText, 1, false},
	{"a failure beside a success", "", []string{"refused-there@far.test", "a@far.test"}, plainText, 1, false},
	{"a failure that nobody wants to hear of", "", []string{"refused-there@far.test NOTIFY=NEVER"}, plainText, 0, false},
	{"a failure, and only a success was asked for", "", []string{"refused-there@far.test NOTIFY=SUCCESS"}, plainText, 0, false},
	{"the header alone", " RET=HDRS", []string{"refused-there@far.test NOTIFY=FAILURE"}, plainText, 1, false},
	{"the whole message", " RET=FULL", []string{"refused-there@far.test"}, plainText, 1, false},
	{"ENVID and ORCPT", " ENVID=id+2B1", []string{"refused-there@far.test ORCPT=rfc822;Orig+2Bx@far.test"}, plainText, 1, false},
	{"an alias that fails", "", []string{"gone@alias.test ORCPT=rfc822;gone@alias.test"}, plainText, 1, false},
	{"an alias of two, one of which fails", "", []string{"two@alias.test"}, plainText, 1, false},
	{"two failures", "", []string{"refused-there@far.test", "refused-there-too@far.test NOTIFY=FAILURE,DELAY"}, plainText, 1, false},
	{"the transport error", "", []string{"error@alias.test"}, plainText, 1, false},
	{"an 8-bit body", " BODY=8BITMIME", []string{"refused-there@far.test"}, "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ngrün\r\n", 1, false},
	{"success at a server without DSN", "", []string{"a@plain.test NOTIFY=SUCCESS"}, plainText, 1, false},
	{"success at a server with DSN", "", []string{"a@far.test NOTIFY=SUCCESS"}, plainText, 0, false},
	{"success here", " ENVID=x", []string{"a@here.test NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@here.test"}, plainText, 1, false},
	{"success of an alias of several", "", []string{"fan@alias.test NOTIFY=SUCCESS"}, plainText, 1, false},
	{"success of an alias of one", "", []string{"one@alias.test NOTIFY=SUCCESS"}, plainText, 1, false},
	{"success in one place and failure in another", "", []string{"a@here.test NOTIFY=SUCCESS", "refused-there@far.test NOTIFY=SUCCESS,FAILURE"}, plainText, 2, false},
	{"an address in UTF-8", " SMTPUTF8", []string{"refused-there-ü@far.test"}, plainText, 1, false},
	{"an address in UTF-8, and the header alone", " SMTPUTF8 RET=HDRS", []string{"refused-there-ü@far.test ORCPT=utf-8;refused-\\x{FC}@far.test"}, "Subject: grün\r\n\r\nbody\r\n", 1, false},
	{"a delay", " ENVID=late", []string{"later-there@far.test"}, plainText, 1, true},
	{"a delay of the whole message", " RET=FULL", []string{"later-there@far.test NOTIFY=DELAY ORCPT=rfc822;orig@far.test", "a@here.test"}, plainText, 1, true},
	{"a delay that nobody wants to hear of, and a failure", "", []string{"later-there@far.test NOTIFY=FAILURE", "refused-there@far.test"}, plainText, 1, true},
	{"a header in UTF-8", " SMTPUTF8", []string{"refused-there@far.test"}, "Subject: grün\r\n\r\nbody\r\n", 1, false},
}

const dsnSetup = `virtual_alias_maps = inline:{ {gone@alias.test = refused-there@far.test}, {two@alias.test = refused-there@far.test a@far.test}, {fan@alias.test = a@here.test b@here.test}, {one@alias.test = a@here.test}, {error@alias.test = a@error.test} }
virtual_alias_domains = alias.test
transport_maps = inline:{ {plain.test = smtp:%OTHER%}, {here.test = discard:put away}, {error.test = error:5.2.1 closed} }
enable_threaded_bounces = yes
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
delay_warning_time = 1s
`

// TestNoticesAreAsPostfixs sends the same mail by Postfix and by mtad, and compares what the sender is
// told of it, part by part, but for ids, dates, names of the programs and the words for people.
func TestNoticesAreAsPostfixs(t *testing.T) {
	need(t, "postfix", "postfix postfix-pcre")
	needRoot(t)
	parts := map[string]string{"main.cf": dsnSetup}
	theirs, ours := postfixOn(t, dsnSite(t), parts), mtadOn(t, dsnSite(t), parts)
	for i, c := range dsnCases {
		t.Run(c.name, func(t *testing.T) {
			want, got := theirs.notices(t, i, c), ours.notices(t, i, c)
			if want != got {
				t.Errorf("Postfix:\n%smtad:\n%s", want, got)
			}
		})
	}
}

// dsnSite has a server without DSN, %OTHER%.
func dsnSite(t *testing.T) *site {
	s := &site{sinks: map[string]*sink{}, policy: "inet:127.0.0.1:9"}
	for _, n := range sinkNames {
		s.sinks[n] = newSink(t, func(k *sink) {
			if k.keywords, k.answer = []string{"8BITMIME", "SMTPUTF8", "DSN"}, picky; n == "OTHER" {
				k.keywords = []string{"8BITMIME"}
			}
		})
	}
	return s
}

// notices sends a message and returns what its sender is told.
func (s *site) notices(t *testing.T, n int, c dsnCase) string {
	t.Helper()
	sender := fmt.Sprintf("s%d@from.test", n)
	d := &daemon{t: t, addr: s.addr, log: s.log}
	k := d.hello()
	k.do("MAIL FROM:<"+sender+">"+c.mail, "250")
	for _, to := range c.to {
		address, parameters, _ := strings.Cut(to, " ")
		k.do("RCPT TO:<"+address+"> "+parameters, "250")
	}
	k.do("DATA", "354")
	k.send(stuffed([]byte("Date: Mon, 23 Nov 2026 00:00:00 +0000\r\nMessage-Id: <1@c>\r\nFrom: a@b.test\r\n" + c.text)))
	id := queueID.FindStringSubmatch(k.expect("250"))[1]
	if !c.late {
		s.log.wait(t, id+`: removed`)
	}
	mine := func(all []*received) (told []*received) {
		for _, m := range all {
			if len(m.to) == 1 && envelopeAddress(m.to[0]) == "<"+sender+">" {
				told = append(told, m)
			}
		}
		return told
	}
	s.sinks["DEFAULT"].waitFor(func(all []*received) bool { return len(mine(all)) >= c.notices })
	var all []string
	for _, m := range mine(s.sinks["DEFAULT"].messages()) {
		all = append(all, fmt.Sprintf("from %s%s\n", envelopeAddress(m.from), bodyParameter.FindString(m.from))+normalNotice(t, m.text))
	}
	slices.Sort(all)
	text := dsnWrongType.ReplaceAllString(strings.Join(all, "\n"), "${1}utf-8${2}")
	return strings.ReplaceAll(dsnEncoding.ReplaceAllString(text, ""), "report-type=global-delivery-status", "report-type=delivery-status")
}

var (
	dsnDate     = regexp.MustCompile(`[A-Z][a-z]{2}, +\d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [-+]\d{4}(?: \([^)]*\))?`)
	dsnProduct  = regexp.MustCompile(`X-(?:Postfix|mtad)`)
	dsnQueueID  = regexp.MustCompile(`(?m)^(X-MTA-Queue-ID: ).*$`)
	dsnBoundary = regexp.MustCompile(`boundary="[^"]*"`)
	dsnReceived = regexp.MustCompile(`(?m)^Received: .*(?:\r\n[ \t].*)*\r\n`)
	dsnPort     = regexp.MustCompile(`127\.0\.0\.1\]:\d+`)
	// mtad says 8bit only of what is, and when it tried last.
	dsnEncoding = regexp.MustCompile(`(?m)(?: BODY=\w+)|; charset=(?:us-ascii|utf-8)|(?: \| 8bit)|^Content-Transfer-Encoding: 8bit\n|Last-Attempt-Date: DATE\r\n`)
	// Postfix calls an address in UTF-8 one of RFC 822.
	dsnWrongType = regexp.MustCompile(`(?m)^(Original-Recipient: )rfc822(;.*[^\x00-\x7f])`)
	dsnQueued    = regexp.MustCompile(`queued as \S+`)
)

// normalNotice is a notice without what is never the same.
func normalNotice(t *testing.T, text []byte) string {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(text))
	head, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var b strings.Builder
	for _, name := range []string{"From", "To", "Subject", "Auto-Submitted", "References", "In-Reply-To", "Mime-Version", "Content-Type", "Content-Transfer-Encoding"} {
		for _, v := range head[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, dsnBoundary.ReplaceAllString(strings.Join(strings.Fields(v), " "), ""))
		}
	}
	_, params, err := mime.ParseMediaType(head.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	m := multipart.NewReader(r, params["boundary"])
	for n := 0; ; n++ {
		p, err := m.NextRawPart()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		fmt.Fprintf(&b, "-- part %d: %s\n", n, partFields(p.Header))
		body, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(normalPart(n, string(body)))
	}
}

func partFields(h textproto.MIMEHeader) string {
	var all []string
	for _, name := range []string{"Content-Description", "Content-Type", "Content-Transfer-Encoding"} {
		all = append(all, h[name]...)
	}
	return strings.Join(all, " | ")
}

// normalPart is a part without ids and dates; of the text for people, what it says of recipients.
func normalPart(n int, body string) string {
	body = dsnDate.ReplaceAllString(dsnProduct.ReplaceAllString(body, "X-MTA"), "DATE")
	body = dsnQueued.ReplaceAllString(dsnPort.ReplaceAllString(dsnQueueID.ReplaceAllString(body, "${1}ID"), "127.0.0.1]"), "queued")
	switch n {
	case 0:
		var said []string
		for paragraph := range strings.SplitSeq(body, "\r\n\r\n") {
			if paragraph = strings.TrimSpace(paragraph); strings.HasPrefix(paragraph, "<") {
				said = append(said, strings.Join(strings.Fields(paragraph), " "))
			}
		}
		slices.Sort(said) // Postfix's order is that of its log
		return strings.Join(said, "\n") + "\n"
	case 1:
		said := strings.Split(strings.TrimRight(strings.ReplaceAll(body, "\r\n ", " "), "\r\n")+"\r\n", "\r\n\r\n")
		for i := range said {
			said[i] = strings.TrimRight(said[i], "\r\n")
		}
		slices.Sort(said[1:])
		return strings.Join(said, "\r\n\r\n") + "\r\n"
	}
	return dsnReceived.ReplaceAllString(body, "")
}

package maillog_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// logged returns the one line that write makes, without time, host and process.
func logged(t *testing.T, o maillog.Options, write func(s *maillog.Service)) string {
	t.Helper()
	var out bytes.Buffer
	o.Writer, o.Clock = &out, func() time.Time { return noon }
	l := maillog.New(o)
	write(l.Service("smtp"))
	l.Flush()
	line := strings.TrimSuffix(out.String(), "\n")
	if strings.Contains(line, "\n") {
		t.Fatalf("several lines: %q", line)
	}
	return regexp.MustCompile(`\[\d+\]`).ReplaceAllString(line, "[1]")
}

func TestALineHasPostfixsForm(t *testing.T) {
	got := logged(t, maillog.Options{Host: "mx"}, func(s *maillog.Service) { s.Warning("no space") })
	if want := "Nov  3 12:00:00 mx postfix/smtp[1]: warning: no space"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestADispositionHasPostfixsWords(t *testing.T) {
	d := maillog.Delivery{ID: "4XyZ", To: "a@b.example", OrigTo: "x@b.example", Relay: "mx[192.0.2.1]:25", ConnUse: 2,
		Arrived: noon, Active: noon.Add(20 * time.Millisecond), Sending: noon.Add(time.Second), End: noon.Add(12 * time.Second),
		DSN: "2.0.0", Status: "sent", Text: "250 2.0.0 Ok\r\ninjected"}
	got := logged(t, maillog.Options{Name: "postfix-in"}, func(s *maillog.Service) { s.Delivered(&d) })
	want := "postfix-in/smtp[1]: 4XyZ: to=<a@b.example>, orig_to=<x@b.example>, relay=mx[192.0.2.1]:25, conn_use=2, " +
		"delay=12, delays=0.02/0/0.98/11, dsn=2.0.0, status=sent (250 2.0.0 Ok  injected)"
	if !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDelaysHaveTwoDigitsWithinTheLimit(t *testing.T) { // postconf(5) delay_logging_resolution_limit
	for _, c := range []struct {
		delay  time.Duration
		digits int // Options.DelayDigits
		want   string
	}{
		{-time.Second, 0, "0"},
		{4 * time.Millisecond, 0, "0"},
		{8 * time.Millisecond, 0, "0.01"},
		{56 * time.Millisecond, 0, "0.06"},
		{560 * time.Millisecond, 0, "0.56"},
		{999 * time.Millisecond, 0, "1"},
		{1340 * time.Millisecond, 0, "1.3"},
		{9949 * time.Millisecond, 0, "9.9"},
		{9990 * time.Millisecond, 0, "10"},
		{100 * time.Second, 0, "100"},
		{8 * time.Millisecond, 3, "0.008"},
		{8123 * time.Microsecond, 6, "0.0081"},
		{12 * time.Microsecond, 6, "0.000012"},
		{560 * time.Millisecond, 1, "0.6"},
		{560 * time.Millisecond, -1, "1"},
		{1340 * time.Millisecond, -1, "1"},
	} {
		t.Run(fmt.Sprint(c.delay, " with ", c.digits), func(t *testing.T) {
			d := maillog.Delivery{ID: "Q", Arrived: noon, End: noon.Add(c.delay)}
			got := logged(t, maillog.Options{DelayDigits: c.digits}, func(s *maillog.Service) { s.Delivered(&d) })
			if !strings.Contains(got, ", delay="+c.want+", ") {
				t.Errorf("%q, want delay=%s", got, c.want)
			}
		})
	}
}

func TestARefusalIsFoundByItsUsualPattern(t *testing.T) {
	sender := "s@x.example"
	o := &mail.Origin{ClientName: "host.example", Client: netip.MustParseAddrPort("192.0.2.7:2525"), Proto: "ESMTP", Helo: "h\r\n550"}
	r := status.Reply{Code: 554, Enhanced: "5.7.1", Text: "<r@y.example>: Relay access denied"}
	got := logged(t, maillog.Options{}, func(s *maillog.Service) { s.Reject("", "reject", "RCPT", o, r, &sender, "r@y.example") })
	want := "NOQUEUE: reject: RCPT from host.example[192.0.2.7]: 554 5.7.1 <r@y.example>: Relay access denied; " +
		"from=<s@x.example> to=<r@y.example> proto=ESMTP helo=<h  550>"
	if !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestJSONHasOneObjectPerLine(t *testing.T) {
	d := maillog.Delivery{ID: "Q", To: "\"a\nb\"@c.example", Arrived: noon, End: noon.Add(8 * time.Millisecond), Status: "sent"}
	line := logged(t, maillog.Options{JSON: true}, func(s *maillog.Service) { s.Delivered(&d) })
	var o map[string]any
	if err := json.Unmarshal([]byte(line), &o); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if o["status"] != "sent" || o["delay"] != 0.008 || o["to"] != d.To {
		t.Errorf("%v", o)
	}
}

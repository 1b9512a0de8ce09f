package hook

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook/kv"
	"github.com/mtad/mtad/plugins/sdk"
)

// judge runs an eom hook over one message.
func judge(t *testing.T, p Plugin, o Options, msg string, fn func(tx sdk.Tx)) *status.Error {
	t.Helper()
	p.Module = value{"p", eomer(func(tx sdk.Tx) sdk.Verdict { fn(tx); return sdk.Continue })}
	origin := mail.Origin{Kind: mail.KindSMTP}
	m := NewSet([]Plugin{p}, o).Session(&origin).Begin(&mail.Envelope{ID: "Q1"})
	n, _ := mail.Split([]byte(msg))
	e := m.EOM(context.Background(), Text{Header: mail.ParseHeader([]byte(msg[:n])), Rest: mail.Bytes(msg[n:]), BodyOff: 2,
		Fork: func() NewText { return &text{} }})
	m.discardText()
	return e
}

func allow(caps ...string) Plugin {
	p := Plugin{Allow: map[string]bool{}}
	for _, c := range caps {
		p.Allow[c] = true
	}
	return p
}

const simple = "Subject: hi\r\n\r\nviagra and more\r\n"

func TestNothingIsServedThatIsNotGranted(t *testing.T) {
	judge(t, allow(sdk.CapEdit), Options{}, simple, func(tx sdk.Tx) {
		h := tx.Host
		_, e1 := h.MapGet("m", "k")
		_, e2 := h.KVGet("k")
		_, e3 := h.KVIncr("k", 1, 0)
		_, e4 := h.DNS(sdk.DNSMX, "x")
		_, e5 := h.Words("w", sdk.TextBody, 0)
		_, e6 := h.Regexp("w", sdk.TextBody, 0)
		_, e7 := h.Hash(sdk.MD5, sdk.TextBody)
		_, e8 := h.MIMEPart(0, sdk.MIMEType)
		_, e9 := h.MIMERead(0, 0, nil)
		for i, e := range []sdk.Errno{e1, e2, e3, e4, e5, e6, e7, e8, e9, h.KVSet("k", nil, 0), h.KVDel("k"), h.RcptStatus(0, 250, "", "")} {
			if e != sdk.ErrDenied {
				t.Errorf("call %d answers %v", i, e)
			}
		}
		for _, c := range []string{"map", "kv", "dns", "scan", "deliver"} {
			if h.Feature(c) {
				t.Errorf("%s is said to be there", c)
			}
		}
	})
}

func TestAStoreIsServed(t *testing.T) {
	s, err := kv.Open(kv.Options{Dir: "kv", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := allow(sdk.CapKV)
	if p.KV, err = s.Space("p"); err != nil {
		t.Fatal(err)
	}
	judge(t, p, Options{}, simple, func(tx sdk.Tx) {
		if v, err := tx.Load("k"); v != nil || err != nil {
			t.Errorf("an empty store has %q, %v", v, err)
		}
		if err := errors.Join(tx.Save("k", []byte("v"), 0), tx.Save("gone", []byte("v"), 0), tx.Forget("gone")); err != nil {
			t.Error(err)
		}
	})
	judge(t, p, Options{}, simple, func(tx sdk.Tx) {
		v, err := tx.Load("k")
		n, err2 := tx.Increase("n", 3, 60)
		if string(v) != "v" || n != 3 || err != nil || err2 != nil {
			t.Errorf("%q %d %v %v", v, n, err, err2)
		}
	})
	judge(t, allow(sdk.CapKV), Options{}, simple, func(tx sdk.Tx) {
		if _, e := tx.Host.KVGet("k"); e != sdk.ErrUnsup {
			t.Errorf("a host without a store answers %v", e)
		}
	})
}

// list is a table in memory; the key "fail" cannot be asked.
type list map[string]string

func (l list) Lookup(ctx context.Context, key string) (string, bool, error) {
	if _, ok := ctx.Deadline(); !ok {
		return "", false, errors.New("no deadline")
	}
	if key == "fail" {
		return "", false, errors.New("the server is down")
	}
	v, ok := l[key]
	return v, ok, nil
}

func TestTablesAreServedAndAnErrorIsNotNo(t *testing.T) {
	p := allow(sdk.CapMap)
	p.Maps = map[string]Table{"users": list{"a@b": "yes"}}
	judge(t, p, Options{}, simple, func(tx sdk.Tx) {
		for _, c := range []struct {
			table, key, value string
			want              sdk.Errno
		}{{"users", "a@b", "yes", sdk.OK}, {"users", "c@d", "", sdk.ErrNotFound}, {"users", "fail", "", sdk.ErrAgain}, {"other", "a@b", "", sdk.ErrInvalid}} {
			if v, e := tx.Host.MapGet(c.table, c.key); v != c.value || e != c.want {
				t.Errorf("%s %s: %q, %v", c.table, c.key, v, e)
			}
		}
	})
}

// zone answers for names in the DNS.
type zone map[string][]string

func (z zone) Query(_ context.Context, name string, ty dns.Type) (dns.Answer, error) {
	if name == "servfail.example" {
		return dns.Answer{}, &dns.Error{Status: dns.Failed, Name: name}
	}
	r, ok := z[name+" "+ty.String()]
	if !ok {
		return dns.Answer{}, &dns.Error{Status: dns.NXDomain, Name: name}
	}
	return dns.Answer{Records: append([]string(nil), r...)}, nil
}

func (z zone) TXT(_ context.Context, name string) ([]string, error) { return z[name+" TXT"], nil }

func TestDNSIsServed(t *testing.T) {
	z := zone{"example.com MX": {"10 a.example.", "20 b.example."}, "example.com TXT": {"v=spf1 -all", "two\r\nlines"},
		"1.2.0.192.in-addr.arpa PTR": {"host.example."},
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR": {"six.example."}}
	judge(t, allow(sdk.CapDNS), Options{DNS: z}, simple, func(tx sdk.Tx) {
		for _, c := range []struct {
			kind       sdk.DNSType
			name, want string
			errno      sdk.Errno
		}{
			{sdk.DNSMX, "example.com", "10 a.example.\n20 b.example.", sdk.OK}, {sdk.DNSTXT, "example.com", "v=spf1 -all\ntwo  lines", sdk.OK},
			{sdk.DNSPTR, "192.0.2.1", "host.example.", sdk.OK}, {sdk.DNSPTR, "2001:db8::1", "six.example.", sdk.OK},
			{sdk.DNSA, "none.example", "", sdk.ErrNotFound}, {sdk.DNSA, "servfail.example", "", sdk.ErrAgain},
		} {
			if v, e := tx.Host.DNS(c.kind, c.name); v != c.want || e != c.errno {
				t.Errorf("%d %s: %q, %v", c.kind, c.name, v, e)
			}
		}
	})
	judge(t, allow(sdk.CapDNS), Options{}, simple, func(tx sdk.Tx) {
		if _, e := tx.Host.DNS(sdk.DNSA, "x"); e != sdk.ErrUnsup {
			t.Errorf("a host without DNS answers %v", e)
		}
	})
}

func TestScansAreServed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(file, []byte("# spam\nViagra\n\n casino \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := allow(sdk.CapScan)
	p.Config = map[string]string{"file": file, "inline": "casino\nand more", "missing": "/does/not/exist"}
	judge(t, p, Options{}, simple, func(tx sdk.Tx) {
		for _, c := range []struct{ set, want string }{{"file", "viagra"}, {"inline", "and more"}, {"hi\nmore", "more"}, {"nothing\nhere", ""}} {
			if got, err := tx.Words(c.set, sdk.TextBody); got != c.want || err != nil {
				t.Errorf("words %q: %q, %v", c.set, got, err)
			}
		}
		for set, want := range map[string]sdk.Errno{"unknown": sdk.ErrInvalid, "missing": sdk.ErrIO, strings.Repeat("x", 2000) + "\n": sdk.ErrLimit} {
			if _, e := tx.Host.Words(set, sdk.TextBody, 0); e != want {
				t.Errorf("words %.20q: %v, want %v", set, e, want)
			}
		}
		m, e := tx.Host.Regexp(`v.agra`, sdk.TextMessage, 0)
		if e != sdk.OK || m.Begin != 15 || tx.Property("scan.end") != "21" || tx.Property("scan.match") != "viagra" {
			t.Errorf("%+v %v", m, e)
		}
		if _, e := tx.Host.Regexp(`v.agra`, sdk.TextMessage, 16); e != sdk.ErrNotFound || tx.Property("scan.match") != "" {
			t.Errorf("behind it: %v", e)
		}
		if _, e := tx.Host.Regexp(`(`, sdk.TextMessage, 0); e != sdk.ErrInvalid {
			t.Errorf("a bad pattern: %v", e)
		}
		sum, e := tx.Host.Hash(sdk.MD5, sdk.TextBody)
		if e != sdk.OK || len(sum) != 32 {
			t.Errorf("%q %v", sum, e)
		}
		if _, e := tx.Host.Hash(9, sdk.TextBody); e != sdk.ErrInvalid {
			t.Errorf("an unknown hash: %v", e)
		}
		if _, e := tx.Host.Hash(sdk.MD5, sdk.TextPart+5); e != sdk.ErrInvalid {
			t.Errorf("an unknown text: %v", e)
		}
	})
}

func TestScansSeeTheHooksOwnEdits(t *testing.T) {
	judge(t, allow(sdk.CapScan, sdk.CapEdit), Options{}, simple, func(tx sdk.Tx) {
		if got, _ := tx.Words("viagra\n", sdk.TextBody); got == "" {
			t.Error("the word is not found at first")
		}
		tx.ReplaceBody(strings.NewReader("clean"))
		tx.AddHeader("X-Word", "viagra")
		body, _ := tx.Words("viagra\n", sdk.TextBody)
		head, _ := tx.Words("viagra\n", sdk.TextHeader)
		if body != "" || head == "" {
			t.Errorf("body %q, head %q", body, head)
		}
	})
}

func TestPartsAreServed(t *testing.T) {
	msg := strings.ReplaceAll("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\none\n"+
		"--b\nContent-Type: image/png\nContent-Disposition: attachment; filename=\"a.png\"\nContent-Transfer-Encoding: base64\n\niVBORw==\n--b--\n", "\n", "\r\n")
	judge(t, allow(sdk.CapScan), Options{}, msg, func(tx sdk.Tx) {
		var got []string
		for p := range tx.Parts() {
			var b bytes.Buffer
			b.ReadFrom(p.Content())
			size, _ := tx.Host.MIMEPart(p.Index, sdk.MIMESize)
			got = append(got, strings.Join([]string{p.Type, p.Name, p.Charset, p.Place, b.String(), size}, ","))
		}
		if s := strings.Join(got, " "); s != "text/plain,,utf-8,,one,3 image/png,a.png,,attachment,\x89PNG,4" || tx.Property("mime.count") != "2" {
			t.Errorf("%q, count %s", s, tx.Property("mime.count"))
		}
		if _, e := tx.Host.MIMEPart(0, 77); e != sdk.ErrInvalid {
			t.Errorf("an unknown question: %v", e)
		}
	})
}

func TestQuotasEndWhatIsTooMuch(t *testing.T) {
	var out bytes.Buffer
	l := maillog.New(maillog.Options{Writer: &out})
	judge(t, allow(sdk.CapEdit), Options{Log: l.Service("plugin"), MaxBody: 1000}, simple, func(tx sdk.Tx) {
		for range 1000 {
			tx.Log(sdk.LevelInfo, strings.Repeat("x", 1000)+"\nmtad/smtpd: forged")
		}
		tx.Host.BodyBegin()
		if e := tx.Host.BodyWrite(make([]byte, 1000)); e != sdk.OK {
			t.Errorf("a body within the limit: %v", e)
		}
		if e := tx.Host.BodyWrite([]byte("x")); e != sdk.ErrLimit {
			t.Errorf("a body beyond it: %v", e)
		}
		tx.Host.BodyEnd()
		var e sdk.Errno
		for range maxEdits {
			e = tx.Host.HdrDel(99)
		}
		if e != sdk.ErrLimit {
			t.Errorf("edits without end: %v", e)
		}
	})
	l.Flush()
	if n := strings.Count(out.String(), "\n"); out.Len() > 2*logLimit || n > 6 || !strings.Contains(out.String(), "it logs too much") || strings.Contains(out.String(), "\nmtad/smtpd: forged") {
		t.Errorf("%d bytes in %d lines", out.Len(), n)
	}
}

// slowTable takes a while, or as long as it may.
type slowTable struct{ took time.Duration }

func (s slowTable) Lookup(ctx context.Context, _ string) (string, bool, error) {
	select {
	case <-time.After(s.took):
		return "late", true, nil
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
}

func TestWaitingHasALimitOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := allow(sdk.CapMap, sdk.CapScan)
		p.Maps = map[string]Table{"slow": slowTable{6 * time.Second}}
		begun := time.Now()
		judge(t, p, Options{}, simple, func(tx sdk.Tx) {
			if v, e := tx.Host.MapGet("slow", "k"); v != "late" || e != sdk.OK {
				t.Errorf("%q, %v", v, e)
			}
			if _, err := tx.Words("viagra\n", sdk.TextBody); err != nil {
				t.Errorf("after waiting there is no time to scan: %v", err)
			}
			for range 3 {
				if _, e := tx.Host.MapGet("slow", "k"); e != sdk.ErrAgain {
					t.Errorf("beyond the limit: %v", e)
				}
			}
		})
		if took := time.Since(begun); took != WaitTime {
			t.Errorf("all waiting took %v, want %v", took, WaitTime)
		}
	})
}

package authverify_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/mtad/mtad/core/dns/dnstest"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin"
	"github.com/mtad/mtad/plugins/sdk"
)

// world is a DNS and keys that sign.
type world struct {
	dns *dnstest.Server
	key ed25519.PrivateKey
}

func newWorld(t *testing.T) *world {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	record := base64.StdEncoding.EncodeToString(pub)
	return &world{key: key, dns: dnstest.Start(t, `
		good.example.                  TXT "v=spf1 ip4:192.0.2.1 -all"
		soft.example.                  TXT "v=spf1 ~all"
		mx.example.                    TXT "v=spf1 mx -all"
		mx.example.                    MX  10 host.mx.example.
		host.mx.example.               A   192.0.2.1
		loop.example.                  TXT "v=spf1 include:loop.example -all"
		s._domainkey.good.example.     TXT "v=DKIM1; k=ed25519; p=`+record+`"
		s._domainkey.other.example.    TXT "v=DKIM1; k=ed25519; p=`+record+`"
		s._domainkey.wrong.example.    TXT "v=DKIM1; k=ed25519; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		revoked._domainkey.good.example. TXT "v=DKIM1; p="
		_dmarc.good.example.           TXT "v=DMARC1; p=reject; sp=quarantine"
		_dmarc.strict.good.example.    TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
		_dmarc.watch.example.          TXT "v=DMARC1; p=none"
		_dmarc.zero.example.           TXT "v=DMARC1; p=reject; pct=0"
		_dmarc.twice.example.          TXT "v=DMARC1; p=reject"
		_dmarc.twice.example.          TXT "v=DMARC1; p=none"
	`)}
}

// from says who sends.
type from struct {
	sender, addr, helo string
	user               string
	trusted            bool
	kind               mail.Kind
}

// outcome is what became of a message.
type outcome struct {
	refused *status.Error
	hook.Decision
	text    string
	results string // of our own field, "" when there is none
}

func (w *world) pass(t testing.TB, config map[string]string, f from, text string) outcome {
	t.Helper()
	c := map[string]string{"authserv_id": "mx.Here.example"}
	for k, v := range config {
		c[k] = v
	}
	m, err := builtin.Load("auth", "auth_verify", c)
	if err != nil {
		t.Fatal(err)
	}
	set := hook.NewSet([]hook.Plugin{{Module: m, Allow: map[string]bool{sdk.CapEdit: true, sdk.CapDNS: true}, Config: c}},
		hook.Options{DNS: w.dns.Resolver()})
	if f.kind == "" {
		f.kind = mail.KindSMTP
	}
	if f.addr == "" {
		f.addr = "192.0.2.1"
	}
	env := mail.Envelope{ID: "ID1", Sender: f.sender, Recipients: []mail.Recipient{{Address: "c@d.example"}},
		Origin: mail.Origin{Kind: f.kind, Client: netip.AddrPortFrom(netip.MustParseAddr(f.addr), 25), Helo: f.helo, SASLUser: f.user, Trusted: f.trusted}}
	n, _ := mail.SplitFrom([]byte(text), 0)
	msg := set.Session(&env.Origin).Begin(&env)
	o := outcome{refused: msg.EOM(context.Background(), hook.Text{Header: mail.ParseHeader([]byte(text[:n])), Rest: mail.Bytes(text[n:]), BodyOff: 2})}
	o.Decision, o.text = msg.Decision, string(msg.Header().Bytes())+text[n:]
	if h := msg.Header(); h.Len() > 0 && h.Field(0).Is("Authentication-Results") {
		o.results = h.Field(0).Value()
	}
	return o
}

// sign signs a message.
func (w *world) sign(t testing.TB, domain, selector, text string, key crypto.Signer) string {
	t.Helper()
	var b strings.Builder
	if err := dkim.Sign(&b, strings.NewReader(text), &dkim.SignOptions{Domain: domain, Selector: selector, Signer: key,
		HeaderCanonicalization: "relaxed", BodyCanonicalization: "relaxed"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func message(from string) string {
	return "From: Someone <" + from + ">\r\nTo: c@d.example\r\nSubject: x\r\n\r\nbody\r\n"
}

var good = from{sender: "a@good.example", helo: "host.good.example"}

func TestSPF(t *testing.T) {
	w := newWorld(t)
	w.dns.Always("slow.example", "TXT", dnstest.ServFail)
	for _, c := range []struct {
		name string
		from from
		want string
	}{
		{"the domain's own client", good, "spf=pass smtp.mailfrom=a@good.example;"},
		{"another client", from{sender: "a@good.example", addr: "192.0.2.9"}, "spf=fail smtp.mailfrom=a@good.example;"},
		{"a soft fail", from{sender: "a@soft.example"}, "spf=softfail smtp.mailfrom=a@soft.example;"},
		{"an MX", from{sender: "a@MX.example"}, "spf=pass smtp.mailfrom=a@mx.example;"},
		{"no record", from{sender: "a@none.example"}, "spf=none smtp.mailfrom=a@none.example;"},
		{"a record that includes itself", from{sender: "a@loop.example"}, "spf=permerror reason="},
		{"no answer", from{sender: "a@slow.example"}, "spf=temperror reason="},
		{"a notice is checked by HELO", from{sender: "", helo: "good.example"}, "spf=pass smtp.helo=good.example;"},
		{"a HELO that is no name", from{sender: "", helo: "[192.0.2.1]"}, `spf=none smtp.helo="[192.0.2.1]";`},
		{"a local part that needs quotes", from{sender: `"a;b"@good.example`}, `spf=pass smtp.mailfrom="\"a;b\"@good.example";`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := w.pass(t, nil, c.from, message("x@nothing.example"))
			if !strings.HasPrefix(o.results, "mx.here.example; "+c.want) && !strings.HasPrefix(o.results, "mx.here.example;\t"+c.want) {
				t.Fatalf("got %q, want %q", o.results, c.want)
			}
		})
	}
}

func TestDKIM(t *testing.T) {
	w := newWorld(t)
	w.dns.Always("s._domainkey.slow.example", "TXT", dnstest.ServFail)
	plain := message("a@good.example")
	for _, c := range []struct{ name, text, want string }{
		{"no signature", plain, "dkim=none;"},
		{"one that holds", w.sign(t, "good.example", "s", plain, w.key), "dkim=pass header.d=good.example header.s=s header.b="},
		{"another body", w.sign(t, "good.example", "s", plain, w.key) + "more\r\n", `dkim=fail reason="body hash did not verify" header.d=good.example`},
		{"another header", strings.Replace(w.sign(t, "good.example", "s", plain, w.key), "Subject: x", "Subject: y", 1), `dkim=fail reason="signature did not verify`},
		{"another key", w.sign(t, "wrong.example", "s", plain, w.key), "dkim=fail reason="},
		{"no key", w.sign(t, "nokey.example", "s", plain, w.key), "dkim=permerror reason="},
		{"a revoked key", w.sign(t, "good.example", "revoked", plain, w.key), "dkim=permerror reason="},
		{"no answer", w.sign(t, "slow.example", "s", plain, w.key), "dkim=temperror reason="},
		{"nonsense", "DKIM-Signature: nonsense\r\n" + plain, "dkim=permerror reason="},
		{"an unreasonable one", "DKIM-Signature: v=1; a=ed25519-sha256; d=good.example; s=s; bh=AA==; b=AA==; h=From" + strings.Repeat(":To", 500) + "\r\n" + plain, `dkim=policy reason="unreasonable signature"`},
		{"one over a header without end", strings.Repeat("X: 1\r\n", 100_000) + w.sign(t, "good.example", "s", plain, w.key), `dkim=policy reason="unreasonable signature"`},
		{"one with a length", strings.Replace(w.sign(t, "good.example", "s", plain, w.key), "v=1;", "v=1; l=3;", 1), `dkim=policy reason="message contains an insecure body length tag"`},
		{"an empty body", w.sign(t, "good.example", "s", "From: a@good.example\r\n\r\n", w.key), "dkim=pass header.d=good.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if o := w.pass(t, nil, good, c.text); !strings.Contains(o.results, c.want) {
				t.Fatalf("got %q, want %q", o.results, c.want)
			}
		})
	}
	many := plain
	for range 12 {
		many = w.sign(t, "good.example", "s", many, w.key)
	}
	if o := w.pass(t, map[string]string{"max_signatures": "3"}, good, many); strings.Count(o.results, "dkim=pass") != 3 || strings.Count(o.results, "dkim=") != 3 {
		t.Errorf("12 signatures give %q", o.results)
	}
}

// An error is not "no": nobody is refused when the DNS does not answer.
func TestDMARC(t *testing.T) {
	w := newWorld(t)
	w.dns.Always("slow.example", "TXT", dnstest.ServFail)
	w.dns.Always("_dmarc.unsure.example", "TXT", dnstest.ServFail)
	w.dns.Add(`_dmarc.slow.example. TXT "v=DMARC1; p=reject"`)
	bad := from{sender: "a@evil.example"}
	for _, c := range []struct {
		name   string
		policy string
		from   from
		text   string
		want   string
		does   string
	}{
		{"SPF passes for the author", "reject", good, message("x@good.example"), "dmarc=pass header.from=good.example policy.dmarc=reject", ""},
		{"DKIM passes for the author", "reject", bad, w.sign(t, "good.example", "s", message("x@good.example"), w.key), "dmarc=pass header.from=good.example", ""},
		{"DKIM of the organization passes for a subdomain", "reject", bad, w.sign(t, "good.example", "s", message("x@sub.good.example"), w.key), "dmarc=pass header.from=sub.good.example policy.dmarc=quarantine", ""},
		{"a strict domain wants its own", "reject", good, w.sign(t, "good.example", "s", message("x@strict.good.example"), w.key), "dmarc=fail header.from=strict.good.example", "550"},
		{"another one's signature does not count", "reject", bad, w.sign(t, "other.example", "s", message("x@good.example"), w.key), "dmarc=fail", "550"},
		{"a failure is reported only", "", bad, message("x@good.example"), "dmarc=fail header.from=good.example policy.dmarc=reject", ""},
		{"a failure is held", "quarantine", bad, message("x@good.example"), "dmarc=fail", "hold"},
		{"a failure of a subdomain is held for sp=quarantine", "reject", bad, message("x@sub.good.example"), "dmarc=fail", "hold"},
		{"p=none does nothing", "reject", bad, message("x@watch.example"), "dmarc=fail header.from=watch.example policy.dmarc=none", ""},
		{"pct=0 is the next milder policy", "reject", bad, message("x@zero.example"), "dmarc=fail", "hold"},
		{"two records are none", "reject", bad, message("x@twice.example"), "dmarc=none header.from=twice.example", ""},
		{"no record", "reject", bad, message("x@nothing.example"), "dmarc=none", ""},
		{"the record cannot be read", "reject", bad, message("x@unsure.example"), "dmarc=temperror", ""},
		{"SPF cannot be checked", "reject", from{sender: "a@slow.example"}, message("x@slow.example"), "dmarc=temperror header.from=slow.example", ""},
		{"a second From does not help", "reject", from{sender: "a@watch.example"}, "From: x@watch.example\r\n" + message("x@good.example"), "dmarc=fail header.from=good.example", "550"},
		{"no From", "reject", bad, "Subject: x\r\n\r\n", "dmarc=permerror", ""},
		{"too many authors", "reject", bad, "From: a@a.example, b@b.example, c@c.example, d@d.example, e@e.example\r\n\r\n", "", "550"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := w.pass(t, map[string]string{"dmarc_policy": c.policy}, c.from, c.text)
			did := ""
			switch {
			case o.refused != nil:
				did = fmt.Sprint(o.refused.Reply.Code)
			case o.Hold:
				did = "hold"
			}
			if did != c.does || o.refused == nil && !strings.Contains(o.results, c.want) {
				t.Fatalf("%q %q (%v), want %q %q", did, o.results, o.refused, c.does, c.want)
			}
		})
	}
}

func TestForgedResultsAreRemoved(t *testing.T) {
	w := newWorld(t)
	forged := "Authentication-Results: MX.here.example; dkim=pass header.d=bank.example\r\n" +
		"Authentication-Results: elsewhere.example; spf=pass\r\n" +
		"Authentication-Results: (hi) \"mx.here.example\" 1; spf=pass\r\n" +
		"Authentication-Results:\r\n\tmx.here.example/1; spf=pass\r\n" +
		"Authentication-Results: (unclosed mx.here.example; spf=pass\r\n"
	for _, c := range []struct {
		name  string
		from  from
		kept  int
		added bool
	}{
		{"of a stranger", good, 2, true},
		{"of an authenticated user", from{sender: "a@good.example", user: "a"}, 2, false},
		{"but not of mynetworks", from{sender: "a@good.example", trusted: true}, 5, false},
		{"nor of sendmail", from{sender: "a@good.example", kind: mail.KindSendmail}, 5, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := w.pass(t, nil, c.from, forged+message("a@good.example"))
			want := c.kept
			if c.added {
				want++
			}
			if n := strings.Count(o.text, "Authentication-Results:"); n != want || c.added && !strings.Contains(o.results, "spf=pass") {
				t.Fatalf("%d fields, want %d:\n%s", n, want, o.text)
			}
		})
	}
}

// A body that cannot be read is no verdict, and leaves no goroutine of the library behind.
func TestABodyThatCannotBeReadIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	text := w.sign(t, "good.example", "s", w.sign(t, "good.example", "s", message("a@good.example"), w.key), w.key)
	m, err := builtin.Load("auth", "auth_verify", map[string]string{"authserv_id": "mx"})
	if err != nil {
		t.Fatal(err)
	}
	set := hook.NewSet([]hook.Plugin{{Module: m, Allow: map[string]bool{sdk.CapEdit: true, sdk.CapDNS: true}}}, hook.Options{DNS: w.dns.Resolver()})
	env := mail.Envelope{Sender: "a@good.example", Origin: mail.Origin{Kind: mail.KindSMTP, Client: netip.MustParseAddrPort("192.0.2.1:25")}}
	n, _ := mail.SplitFrom([]byte(text), 0)
	e := set.Session(&env.Origin).Begin(&env).EOM(context.Background(),
		hook.Text{Header: mail.ParseHeader([]byte(text[:n])), Rest: broken{}, BodyOff: 2})
	if e == nil || e.Reply.Code != 451 {
		t.Fatalf("got %v", e)
	}
}

// broken is a body that cannot be read.
type broken struct{}

func (broken) Size() int64                       { return 1000 }
func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disk on fire") }
func (broken) Close() error                      { return nil }

func TestBadSettingsAreRefused(t *testing.T) {
	for want, config := range map[string]map[string]string{
		"want a host name":       {"authserv_id": "a; b"},
		"no such setting":        {"authserv_id": "a", "colour": "red"},
		"want yes or no":         {"authserv_id": "a", "spf": "perhaps"},
		"needs spf and dkim":     {"authserv_id": "a", "spf": "no"},
		"want report":            {"authserv_id": "a", "dmarc_policy": "shout"},
		"max_signatures = \"0\"": {"authserv_id": "a", "max_signatures": "0"},
	} {
		if _, err := builtin.Load("auth", "auth_verify", config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", config, err, want)
		}
	}
}

// The time that a session waits for a dead DNS is bounded by the host.
func TestADeadDNSIsATemporaryError(t *testing.T) {
	w := newWorld(t)
	w.dns.Always("", "", dnstest.Refused)
	begun := time.Now()
	o := w.pass(t, map[string]string{"dmarc_policy": "reject"}, good, w.sign(t, "good.example", "s", message("a@good.example"), w.key))
	if o.refused != nil || !strings.Contains(o.results, "spf=temperror") || !strings.Contains(o.results, "dkim=temperror") || !strings.Contains(o.results, "dmarc=temperror") {
		t.Fatalf("%v %q after %v", o.refused, o.results, time.Since(begun))
	}
}

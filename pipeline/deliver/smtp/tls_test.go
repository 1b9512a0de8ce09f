package smtp_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

const startTLS = "C: STARTTLS\nS: 220 2.0.0 go\nTLS\nC: EHLO me.test\nS: 250-mx.test\nS: 250 PIPELINING\n"

func level(l string) func(*smtp.Options) {
	return func(o *smtp.Options) { o.TLS.Level, o.TLS.LogLevel = l, 1 }
}

func TestTLS(t *testing.T) {
	const line = `Untrusted TLS connection established to to.test[192.0.2.1]:25: TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits)`
	broken := hello("to.test", "STARTTLS") + "C: STARTTLS\nS: 220 go\nS: no TLS here\nCLOSE"
	old := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		name    string
		scripts []string
		options func(*smtp.Options)
		arrived time.Time
		want    string
		log     string // a prefix of each line
	}{
		{name: "may, offered", options: level("may"),
			scripts: []string{hello("to.test", "STARTTLS") + startTLS + takes("x@to.test")},
			want:    `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`, log: line},
		{name: "may, not offered", options: level("may"),
			scripts: []string{hello("to.test", offers) + takes("x@to.test")},
			want:    `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`},
		{name: "may, refused", options: level("may"),
			scripts: []string{hello("to.test", offers, "STARTTLS") + "C: STARTTLS\nS: 454 4.7.0 not now\n" + takes("x@to.test")},
			want:    `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`},
		{name: "may, broken: again without", options: level("may"),
			scripts: []string{broken, hello("to.test", offers, "STARTTLS") + takes("x@to.test")},
			want:    `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`,
			log: `SSL_connect error to to.test[192.0.2.1]:25: 
				4TEST: Cannot start TLS: handshake failure; trying to.test[192.0.2.1]:25 again without TLS`},
		{name: "may, broken, and the message is new",
			options: func(o *smtp.Options) { o.TLS.Level, o.TLS.PlaintextAfter = "may", 300*time.Second },
			scripts: []string{broken},
			want:    `deferred 4.7.5 to.test[192.0.2.1]:25 (Cannot start TLS: handshake failure) dead`,
			log:     `SSL_connect error to to.test[192.0.2.1]:25: `},
		{name: "may, broken, and the message is old", arrived: old,
			options: func(o *smtp.Options) { o.TLS.Level, o.TLS.PlaintextAfter = "may", 300*time.Second },
			scripts: []string{broken, hello("to.test", offers, "STARTTLS") + takes("x@to.test")},
			want:    `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`,
			log: `SSL_connect error to to.test[192.0.2.1]:25: 
				4TEST: Cannot start TLS: handshake failure; trying`},
		{name: "encrypt, not offered", options: level("encrypt"),
			scripts: []string{hello("to.test", offers)},
			want:    `deferred 4.7.4 to.test[192.0.2.1]:25 (TLS is required, but was not offered by host to.test[192.0.2.1]) dead`},
		{name: "encrypt, refused", options: level("encrypt"),
			scripts: []string{hello("to.test", "STARTTLS") + "C: STARTTLS\nS: 554 5.7.0 no"},
			want:    `deferred 4.7.4 to.test[192.0.2.1]:25 (TLS is required, but host to.test[192.0.2.1] refused to start TLS: 554 5.7.0 no) dead`},
		{name: "encrypt, broken", options: level("encrypt"), scripts: []string{broken},
			want: `deferred 4.7.5 to.test[192.0.2.1]:25 (Cannot start TLS: handshake failure) dead`,
			log:  `SSL_connect error to to.test[192.0.2.1]:25: `},
		{name: "from the first byte on", scripts: []string{"TLS\n" + hello("to.test", offers, "STARTTLS") + takes("x@to.test")},
			options: func(o *smtp.Options) { o.TLS.Level, o.TLS.Wrapper, o.TLS.LogLevel = "encrypt", true, 1 },
			want:    `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`, log: line},
		{name: "none, and the offer is noted",
			options: func(o *smtp.Options) { o.TLS.NoteOffer = true },
			scripts: []string{hello("to.test", offers, "STARTTLS") + takes("x@to.test")},
			want:    `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`,
			log:     `Host offered STARTTLS: [to.test]`},
		{name: "a certificate that we know the root of", scripts: []string{hello("to.test", "STARTTLS") + startTLS + takes("x@to.test")},
			options: func(o *smtp.Options) {
				level("may")(o)
				cert, _ := testCertificate()
				leaf, _ := x509.ParseCertificate(cert.Certificate[0])
				o.TLS.Roots = x509.NewCertPool()
				o.TLS.Roots.AddCert(leaf)
			},
			want: `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`,
			log:  `Trusted TLS connection established to to.test[192.0.2.1]:25: TLSv1.3`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.host("to.test", "192.0.2.1")
			w.server("192.0.2.1:25", c.scripts...)
			r := request("x@to.test")
			if !c.arrived.IsZero() {
				r.Entry.Arrived = c.arrived
			}
			expect(t, w.deliver(w.agent(c.options), r), c.want)
			got, want := strings.Split(w.logged(), "\n"), strings.Split(trim(c.log), "\n")
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]) || want[i] == "" && got[i] != "" {
					t.Errorf("logged:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
					break
				}
			}
		})
	}
}

func TestOptionsThatCannotBeKept(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*smtp.Options)
		want string
	}{
		{"fingerprints that there are none of", func(o *smtp.Options) { o.TLS.Level = "fingerprint" }, "needs smtp_tls_fingerprint_cert_match"},
		{"a way out of DANE that is none", func(o *smtp.Options) { o.TLS.InsecureMX = "perhaps" }, "smtp_tls_dane_insecure_mx_policy = perhaps"},
		{"a level that is none", func(o *smtp.Options) { o.TLS.Level = "maybe" }, "smtp_tls_security_level = maybe is unknown"},
		{"TLS from the first byte on, perhaps", func(o *smtp.Options) { o.TLS.Level, o.TLS.Wrapper = "may", true }, "smtp_tls_wrappermode needs"},
		{"no name", func(o *smtp.Options) { o.Hostname = "" }, "no host name"},
		{"no log", func(o *smtp.Options) { o.Log = nil }, "no log"},
		{"no port", func(o *smtp.Options) { o.Port = 0 }, "no default port"},
		{"no family", func(o *smtp.Options) { o.Protocols = 0 }, "no address family"},
		{"no time", func(o *smtp.Options) { o.Timeouts.DataDone = 0 }, "not positive"},
		{"tiny lines", func(o *smtp.Options) { o.LineLimit = 10 }, "smtp_line_length_limit = 10"},
		{"a fallback that is none", func(o *smtp.Options) { o.FallbackRelay = []string{"["} }, "smtp_fallback_relay"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.agent(func(o *smtp.Options) {
				c.edit(o)
				if _, err := smtp.New(*o); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("New: %v", err)
				}
				*o = w.sane()
			})
		})
	}
}

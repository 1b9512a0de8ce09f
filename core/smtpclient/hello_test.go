package smtpclient_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/smtpclient"
)

func TestHello(t *testing.T) {
	never := func(o *smtpclient.Options) { o.HELOOnly = true }
	ifOffered := func(o *smtpclient.Options) { o.EHLOIfOffered = true }
	discard := func(o *smtpclient.Options) {
		o.Discard = smtpclient.Chunking | smtpclient.Size | smtpclient.Auth
	}
	for _, c := range []struct {
		name, script string
		edit         func(*smtpclient.Options)
		want         smtpclient.Features
		wantErr      string
	}{
		{name: "everything a peer can offer", script: `
			S: 220 mx.test ESMTP
			C: EHLO me.test
			S: 250-mx.test at your service
			S: 250-PIPELINING
			S: 250-size 1000000
			S: 250-8bitmime
			S: 250-SMTPUTF8
			S: 250-DSN
			S: 250-CHUNKING
			S: 250-STARTTLS
			S: 250-AUTH plain LOGIN
			S: 250-AUTH=CRAM-MD5
			S: 250-X-UNKNOWN 1 2 3
			S: 250 ENHANCEDSTATUSCODES`,
			want: smtpclient.Features{Name: "mx.test", SizeLimit: 1000000,
				Ext: smtpclient.Pipelining | smtpclient.Size | smtpclient.EightBitMIME | smtpclient.SMTPUTF8 |
					smtpclient.DSN | smtpclient.Chunking | smtpclient.STARTTLS | smtpclient.Auth | smtpclient.EnhancedStatuses,
				Mechanisms: []string{"PLAIN", "LOGIN", "CRAM-MD5"}}},
		{name: "keywords that are discarded", edit: discard, script: `
			S: 220 mx.test ESMTP
			C: EHLO me.test
			S: 250-mx.test
			S: 250-PIPELINING
			S: 250-SIZE 1000
			S: 250-AUTH PLAIN
			S: 250 CHUNKING`,
			want: smtpclient.Features{Name: "mx.test", Ext: smtpclient.Pipelining}},
		{name: "a size that is none", script: `
			S: 220 mx.test ESMTP
			C: EHLO me.test
			S: 250-mx.test
			S: 250-SIZE -5 apples
			S: 250 `,
			want: smtpclient.Features{Name: "mx.test", Ext: smtpclient.Size}},
		{name: "HELO for who does not know EHLO", script: `
			S: 220 old.test
			C: EHLO me.test
			S: 502 what
			C: HELO me.test
			S: 250-old.test
			S: 250 PIPELINING`,
			want: smtpclient.Features{Name: "old.test"}},
		{name: "no EHLO when it is not wanted", edit: never, script: `
			S: 220 mx.test ESMTP
			C: HELO me.test
			S: 250 mx.test`,
			want: smtpclient.Features{Name: "mx.test"}},
		{name: "no EHLO when the greeting does not offer it", edit: ifOffered, script: `
			S: 220 mx.test Mail Server
			C: HELO me.test
			S: 250 mx.test`,
			want: smtpclient.Features{Name: "mx.test"}},
		{name: "EHLO when the greeting offers it", edit: ifOffered, script: `
			S: 220 mx.test esmtp
			C: EHLO me.test
			S: 250 mx.test`,
			want: smtpclient.Features{Name: "mx.test"}},
		{name: "421 is no reason for HELO", script: `
			S: 220 mx.test ESMTP
			C: EHLO me.test
			S: 421 4.3.2 busy`,
			wantErr: "smtpclient: EHLO: refused: 421 4.3.2 busy"},
		{name: "both refused", script: `
			S: 220 mx.test ESMTP
			C: EHLO me.test
			S: 550 go away
			C: HELO me.test
			S: 550 go away, I said`,
			wantErr: "smtpclient: HELO: refused: 550 go away, I said"},
		{name: "LMTP has no HELO", edit: lmtp, script: `
			S: 220 mx.test LMTP
			C: LHLO me.test
			S: 500 what`,
			wantErr: "smtpclient: LHLO: refused: 500 what"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.edit == nil {
				c.edit = func(*smtpclient.Options) {}
			}
			conn := dial(t, c.script, c.edit)
			if _, err := conn.Greet(); err != nil {
				t.Fatal(err)
			}
			check(t, conn.Hello(), c.wantErr)
			if got := *conn.Features(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("features %+v", got)
			}
			if conn.Usable() != (c.wantErr == "") {
				t.Errorf("usable = %v", conn.Usable())
			}
		})
	}
}

func TestParseExt(t *testing.T) {
	e, err := smtpclient.ParseExt([]string{"chunking", "DSN", "silent-discard", "etrn"})
	if err != nil || e != smtpclient.Chunking|smtpclient.DSN {
		t.Errorf("%v, %v", e, err)
	}
	if _, err := smtpclient.ParseExt([]string{"chunkin"}); err == nil {
		t.Error("a misspelt keyword passed")
	}
}

func FuzzEHLO(f *testing.F) {
	for _, s := range []string{"250-mx\r\n250-SIZE 10\r\n250 AUTH PLAIN LOGIN\r\n", "250 x\r\n", "250-\r\n250-AUTH=\r\n250 SIZE\r\n",
		"500 no\r\n250-x\r\n250 SIZE 9\r\n", "250-a\r\n250-SIZE 99999999999999999999\r\n250 =\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		c := smtpclient.New(&canned{in: append([]byte("220 mx.test ESMTP\r\n"), said...)}, options())
		if _, err := c.Greet(); err != nil {
			t.Fatal(err)
		}
		err := c.Hello()
		got := c.Features()
		if err != nil && !reflect.DeepEqual(*got, smtpclient.Features{}) {
			t.Errorf("%v, yet %+v", err, got)
		}
		if got.SizeLimit < 0 || got.SizeLimit > 0 && !got.Has(smtpclient.Size) || len(got.Mechanisms) > 0 && !got.Has(smtpclient.Auth) {
			t.Errorf("%+v", got)
		}
		if strings.ContainsAny(got.Name, "\r\n\x00 ") || strings.ContainsAny(strings.Join(got.Mechanisms, ""), "\r\n\x00 ") {
			t.Errorf("%+v", got)
		}
	})
}

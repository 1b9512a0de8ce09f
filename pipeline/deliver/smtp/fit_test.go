package smtp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/queue"
)

// sends is the rest of a session in which the client says mail and then text.
func sends(mail, text string) string {
	s := "C: " + mail + "\nC: RCPT TO:<x@to.test>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
	for _, l := range strings.SplitAfter(text, "\r\n") {
		if l != "" {
			s += "C: " + strings.TrimSuffix(l, "\r\n") + "\n"
		}
	}
	return s + "C: .\nS: 250 2.0.0 taken\n"
}

// Whether a message fits the server's extensions, and what is done when it does not.
func TestFit(t *testing.T) {
	const (
		taken  = `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 taken)`
		eight  = "Content-Transfer-Encoding: 8bit\r\nMIME-Version: 1.0\r\n\r\ngr\xc3\xbcn\r\n"
		seven  = "Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\ngr=C3=BCn\r\n"
		utf8   = "Subject: gr\xc3\xbcn\r\n\r\nx\r\n"
		binary = "Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\nMIME-Version: 1.0\r\n\r\n\xff\x00\r\n"
	)
	for _, c := range []struct {
		name, offers, text string
		request            func(*queue.Request)
		options            func(*smtp.Options)
		script, want       string
	}{
		{name: "too large for the server", offers: "SIZE_20", text: text,
			want: fmt.Sprintf(`bounced 5.3.4 to.test[192.0.2.1]:25 (message size %d exceeds size limit 20 of server to.test[192.0.2.1])`, len(text))},
		{name: "not too large", offers: "SIZE_21", text: text, want: taken,
			script: sends("MAIL FROM:<a@from.test> SIZE=21", text)},
		{name: "8-bit text to who takes it", offers: "8BITMIME", text: eight, want: taken,
			request: func(r *queue.Request) { r.Entry.Body = mail.Body8BitMIME },
			script:  sends("MAIL FROM:<a@from.test> BODY=8BITMIME", eight)},
		{name: "8-bit text to who does not", offers: "SIZE", text: eight, want: taken,
			request: func(r *queue.Request) { r.Entry.Body = mail.Body8BitMIME },
			script:  sends(fmt.Sprintf("MAIL FROM:<a@from.test> SIZE=%d", len(seven)), seven)},
		{name: "8-bit text that nobody spoke of", text: eight, want: taken,
			script: sends("MAIL FROM:<a@from.test>", seven)},
		{name: "8-bit text that is to be left alone", text: eight, want: taken,
			options: func(o *smtp.Options) { o.Keep8Bit = true },
			script:  sends("MAIL FROM:<a@from.test>", eight)},
		{name: "a size that conversion changes", offers: fmt.Sprintf("SIZE_%d", len(eight)), text: eight,
			want: fmt.Sprintf(`bounced 5.3.4 to.test[192.0.2.1]:25 (message size %d exceeds size limit %d of server to.test[192.0.2.1])`, len(seven), len(eight))},
		{name: "binary text", offers: "8BITMIME", text: binary, want: taken,
			request: func(r *queue.Request) { r.Entry.Body = mail.BodyBinaryMIME },
			script: sends("MAIL FROM:<a@from.test>",
				"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\nMIME-Version: 1.0\r\n\r\n/wANCg==\r\n")},
		{name: "SMTPUTF8 to who offers it", offers: "SMTPUTF8 8BITMIME", text: utf8, want: taken,
			request: func(r *queue.Request) { r.Entry.SMTPUTF8, r.Entry.Body = true, mail.Body8BitMIME },
			script:  sends("MAIL FROM:<a@from.test> BODY=8BITMIME SMTPUTF8", utf8)},
		{name: "SMTPUTF8 in the header to who does not", text: utf8,
			request: func(r *queue.Request) { r.Entry.SMTPUTF8 = true },
			want:    `bounced 5.6.7 to.test[192.0.2.1]:25 (SMTPUTF8 is required, but was not offered by host to.test[192.0.2.1])`},
		{name: "SMTPUTF8 in the sender", text: text,
			request: func(r *queue.Request) { r.Entry.Sender = "gr\u00fcn@from.test" },
			want:    `bounced 5.6.7 to.test[192.0.2.1]:25 (SMTPUTF8 is required, but was not offered by host to.test[192.0.2.1])`},
		{name: "SMTPUTF8 in a recipient", text: text,
			request: func(r *queue.Request) { r.Recipients[0].Address = "gr\u00fcn@to.test" },
			want:    `bounced 5.6.7 to.test[192.0.2.1]:25 (SMTPUTF8 is required, but was not offered by host to.test[192.0.2.1])`},
		{name: "SMTPUTF8 that is not needed", text: eight, want: taken, offers: "8BITMIME",
			request: func(r *queue.Request) { r.Entry.SMTPUTF8 = true },
			script:  sends("MAIL FROM:<a@from.test>", eight)},
		{name: "8-bit header without SMTPUTF8 goes as it came", text: utf8, want: taken, offers: "8BITMIME",
			script: sends("MAIL FROM:<a@from.test>", utf8)},
		{name: "a long ASCII header", text: strings.Repeat("X: y\r\n", 5000) + "\r\ngr\xc3\xbcn\r\n", want: taken, offers: "8BITMIME",
			request: func(r *queue.Request) { r.Entry.SMTPUTF8 = true },
			script:  sends("MAIL FROM:<a@from.test>", strings.Repeat("X: y\r\n", 5000)+"\r\ngr\xc3\xbcn\r\n")},
		{name: "a header that is the whole message", text: strings.Repeat("X: y\r\n", 5000), want: taken, offers: "8BITMIME",
			request: func(r *queue.Request) { r.Entry.SMTPUTF8 = true },
			script:  sends("MAIL FROM:<a@from.test>", strings.Repeat("X: y\r\n", 5000))},
		{name: "an extension that is discarded", offers: "SIZE_20 8BITMIME", text: text, want: taken,
			options: func(o *smtp.Options) { o.Discard = smtpclient.Size | smtpclient.EightBitMIME },
			script:  sends("MAIL FROM:<a@from.test>", text)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.host("to.test", "192.0.2.1")
			w.server("192.0.2.1:25", hello("to.test", strings.Fields("PIPELINING "+c.offers)...)+c.script)
			r := withText(request("x@to.test"), c.text)
			if c.request != nil {
				c.request(r)
			}
			if c.options == nil {
				c.options = func(*smtp.Options) {}
			}
			expect(t, w.deliver(w.agent(c.options), r), c.want)
		})
	}
}

func TestAMessageThatDoesNotFitIsNotTriedElsewhere(t *testing.T) {
	// A bounce is for good: as in Postfix, the other servers of the domain are not asked.
	w := newWorld(t)
	w.usual()
	w.server("192.0.2.1:25", hello("mx1.to.test", "SIZE_5"))
	expect(t, w.deliver(w.agent(), request("x@to.test")),
		`bounced 5.3.4 mx1.to.test[192.0.2.1]:25 (message size 21 exceeds size limit 5 of server mx1.to.test[192.0.2.1])`)
	if len(w.dialled) != 1 {
		t.Errorf("dialled %v", w.dialled)
	}
}

package bounce_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/queue"
)

// FuzzNotice lets strangers write what strangers can: the reply, the addresses, the DSN
// parameters, the message. A notice must have its three parts and its fields, no more.
func FuzzNotice(f *testing.F) {
	f.Add("550 no", "bob@example.org", "rfc822;bob+40x", "QQ+0D+0AX: 1", "Subject: x\r\n\r\nbody\r\n", false, false)
	f.Add("a\nb\r\nStatus: 2.0.0\r\n\r\n--=_4F1A2B--", "b\u00e9b@x\r\n.y", "utf-8;b\\x{e9}\xff", "", "\r\n", true, true)
	f.Add("host a said: 550 (in reply to (in reply to )", "", ";", "+", "A: \xff\r\n \xc3\xa9\r\n", true, false)
	f.Fuzz(func(t *testing.T, reply, rcpt, orcpt, envid, original string, utf8, headers bool) {
		original = wireForm(t, original)
		w := newWorld(t, func(o *bounce.Options) { o.Random = nil })
		e := entry("alice@example.com")
		e.EnvID, e.SMTPUTF8 = envid, utf8
		if headers {
			e.Ret = mail.RetHeaders
		}
		r := remote(queue.Result{Outcome: queue.Bounced, Reply: status.Reply{Code: 550, Text: reply}})
		r.RemoteMTA, r.Relay = orcpt, reply
		rep := queue.Report{Recipient: mail.Recipient{Address: rcpt, Original: orcpt, ORcpt: orcpt}, Result: r}
		if err := w.Bounce(context.Background(), e, text(original), []queue.Report{rep}); err != nil {
			t.Fatal(err)
		}
		checkFuzzed(t, w, original)
	})
}

// wireForm gives text the line ends that all text in the queue has.
func wireForm(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	n := mail.NewNormalizer(&b)
	if _, err := n.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func checkFuzzed(t *testing.T, w *world, original string) {
	t.Helper()
	p := parse(t, w.door.texts[0])
	if len(p.fields) != 2 {
		t.Fatalf("%d blocks of fields: %q", len(p.fields), p.parts[1])
	}
	checkNames(t, p.fields[0], "Reporting-MTA Original-Envelope-Id X-mtad-Queue-ID X-mtad-Sender Arrival-Date")
	checkNames(t, p.fields[1], "Final-Recipient Original-Recipient Action Status Remote-MTA Diagnostic-Code Last-Attempt-Date")
	if p.fields[1]["Status"] != "5.0.0" || p.fields[1]["Action"] != "failed" {
		t.Errorf("fields %q", p.fields[1])
	}
	p.parts[2] = strings.TrimPrefix(p.parts[2], "Return-Path: <alice@example.com>\r\n")
	if !strings.HasPrefix(original, p.parts[2]) {
		t.Errorf("returned %q of %q", p.parts[2], original)
	}
	if p.types[1] == "message/delivery-status" {
		for _, c := range []byte(p.parts[1]) {
			if c >= 0x80 {
				t.Fatalf("8-bit in an ASCII report: %q", p.parts[1])
			}
		}
	}
	checkBytes(t, p, w.door.envs[0], w.door.texts[0])
}

// checkNames checks that only the fields named stand in a block.
func checkNames(t *testing.T, block map[string]string, names string) {
	t.Helper()
	for name := range block {
		if !strings.Contains(" "+names+" ", " "+name+" ") {
			t.Errorf("field %q came from somewhere", name)
		}
	}
}

package bounce_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/pipeline/bounce/template"
	"github.com/mtad/mtad/queue"
)

const dialogue = " Out: 220 mx.example.org ESMTP\n In:  FOO\n Out: 500 5.5.2 Error: command not recognized\n"

func TestWhoIsToldOfASessionWithErrors(t *testing.T) {
	for _, c := range []struct {
		name, wanted string
		had          bounce.Classes
		to           string
	}{
		{"the recipient of errors", "protocol, resource", bounce.ClassProtocol, "errors@example.org"},
		{"nobody, of classes that are not asked for", "resource, software", bounce.ClassProtocol | bounce.ClassPolicy, ""},
		{"the recipient of bounces, of refused recipients", "bounce", bounce.ClassBounce | bounce.ClassPolicy, "bounces@example.net"},
		{"the recipient of errors, of both", "bounce, policy", bounce.ClassBounce | bounce.ClassPolicy, "errors@example.org"},
		{"data, which came later", "data", bounce.ClassData, "errors@example.org"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *bounce.Options) {
				var err error
				if o.Classes, err = bounce.ParseClasses(c.wanted); err != nil {
					t.Fatal(err)
				}
				o.ErrorRecipient, o.BounceRecipient, o.MailName = "errors", "bounces@example.net", "Postfix"
			})
			w.Trouble(t.Context(), c.had, "unknown[192.0.2.1]", dialogue)
			got := ""
			for i, env := range w.door.envs {
				got += env.Recipients[0].Address
				for _, want := range []string{"Subject: Postfix SMTP server: errors from unknown[192.0.2.1]\r\n", "\r\n In:  FOO\r\n Out: 500 ", "Auto-Submitted: auto-generated\r\n"} {
					if !strings.Contains(w.door.texts[i], want) {
						t.Errorf("no %q in\n%s", want, w.door.texts[i])
					}
				}
				if env.Sender != "double-bounce@mx.example.org" {
					t.Errorf("from <%s>", env.Sender)
				}
			}
			if got != c.to {
				t.Errorf("told %q, want %q", got, c.to)
			}
		})
	}
}

func TestNoticesAboutSessionsAreBounded(t *testing.T) {
	clock := now
	w := newWorld(t, func(o *bounce.Options) {
		o.Classes, o.Clock = bounce.ClassProtocol, func() time.Time { return clock }
	})
	for i := range 250 {
		w.Trouble(t.Context(), bounce.ClassProtocol, fmt.Sprintf("unknown[192.0.2.%d]", i), dialogue)
	}
	if n := len(w.door.texts); n != 100 || !strings.Contains(w.door.texts[99], "too many") || strings.Contains(w.door.texts[98], "too many") {
		t.Fatalf("%d notices", n)
	}
	clock = clock.Add(time.Hour)
	w.Trouble(t.Context(), bounce.ClassProtocol, "unknown[192.0.2.9]", dialogue)
	if n := len(w.door.texts); n != 101 {
		t.Fatalf("%d notices an hour later", n)
	}
}

func TestTheAdministratorsTextIsUsed(t *testing.T) {
	set, err := template.Parse("failure_template = <<EOF\nCharset: iso-8859-1\nFrom: Postamt (Das Postamt)\nSubject: Zur\xfcck\nPostmaster-Subject: Kopie\n\nVon $myhostname, f\xfcnf.\nEOF\n", "bounce.cf")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *bounce.Options) {
		o.Classes, o.Templates = bounce.ClassBounce, set
		o.Parameters = func(name string) (string, time.Duration, bool) { return "mx.example.org", -1, name == "myhostname" }
	})
	if err := w.Bounce(t.Context(), entry("alice@x"), text(plain), []queue.Report{about("bob@x", gone)}); err != nil {
		t.Fatal(err)
	}
	p := parse(t, w.door.texts[0])
	subject, err := p.header.Text("Subject")
	if err != nil || subject != "Zurück" || p.header.Get("From") != "Das Postamt <Postamt@example.org>" || !strings.HasPrefix(p.parts[0], "Von mx.example.org, fünf.\r\n") {
		t.Errorf("%q, %q, %v\n%s", subject, p.header.Get("From"), err, p.parts[0])
	}
	if s := parse(t, w.door.texts[1]).header.Get("Subject"); s != "Kopie" {
		t.Errorf("postmaster's copy: %q", s)
	}
}

func TestTemplatesWithUnknownMacrosAreRefusedAtStart(t *testing.T) {
	set, err := template.Parse("delay_template = <<EOF\n\n$nosuch\nEOF\n", "bounce.cf")
	if err != nil {
		t.Fatal(err)
	}
	_, err = bounce.New(bounce.Options{Hostname: "h", Origin: "h", Submitter: &door{}, Log: maillog.New(maillog.Options{Writer: io.Discard}).Service("bounce"), Templates: set,
		Parameters: func(string) (string, time.Duration, bool) { return "", 0, false }})
	if err == nil || !strings.Contains(err.Error(), "$nosuch") {
		t.Fatal(err)
	}
}

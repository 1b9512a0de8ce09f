package cleanup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store"
)

var day = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a door on a store in memory.
type world struct {
	*Door
	store  *store.Store
	queued []*queue.Entry
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	s, err := store.Open(store.Options{Dir: "/q", FS: store.MemDisk()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{store: s}
	o := Options{Hostname: "mx.example", MailName: "mtad", Origin: "example", SizeLimit: 1 << 20, HopLimit: 50,
		DropHeaders: []string{"bcc", "return-path"}, Store: s, Log: maillog.Discard().Service("cleanup"),
		Queued: func(e *queue.Entry) { w.queued = append(w.queued, e) }, Clock: func() time.Time { return day }}
	if change != nil {
		change(&o)
	}
	w.Door = New(o)
	return w
}

func envelope(kind mail.Kind) *mail.Envelope {
	return &mail.Envelope{Sender: "a@b.example", Recipients: []mail.Recipient{{Address: "c@d.example", Original: "c@d.example"}},
		Origin: mail.Origin{Kind: kind, ClientName: "client.example", Client: netip.MustParseAddrPort("192.0.2.1:25"),
			Helo: "helo.example", Proto: "ESMTP", UID: 1000, Local: kind != mail.KindSMTP}}
}

// pass sends text through the door in blocks and returns what is queued.
func (w *world) pass(t *testing.T, env *mail.Envelope, hooks *hook.Message, text string, block int) (string, Result, error) {
	t.Helper()
	ctx := context.Background()
	j, err := w.Begin(ctx, env, hooks)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Abort(ctx)
	for p := []byte(text); len(p) > 0; p = p[min(block, len(p)):] {
		if err := j.Write(ctx, p[:min(block, len(p))]); err != nil {
			break
		}
	}
	r, err := j.Commit(ctx)
	if err != nil || r.Discarded {
		return "", r, err
	}
	c, err := w.store.Open(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := io.ReadAll(mail.Reader(c))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), r, nil
}

func TestEverythingLeavesByteForByteBehindItsReceived(t *testing.T) {
	many := strings.Repeat("X-Many: value\r\n", 10000)
	for name, text := range map[string]string{
		"an ordinary message":       "Subject: x\r\n\r\nbody\r\n",
		"8-bit in header and body":  "Subject: \xff\xe4\r\n\r\n\xf6\xfc\r\n",
		"10,000 header fields":      many + "\r\nbody\r\n",
		"no header":                 "\r\nbody\r\n",
		"a header without a colon":  "Subject: x\r\nno colon\r\n\r\nbody\r\n",
		"nothing but text":          "just text\r\n",
		"an empty body":             "Subject: x\r\n\r\n",
		"no empty line at all":      "Subject: x\r\n",
		"nothing":                   "",
		"dots":                      ".\r\n..\r\n...\r\n",
		"lines of 100 KB":           "Subject: x\r\n\r\n" + strings.Repeat("y", 100<<10) + "\r\n",
		"a header of 100 KB":        "X: " + strings.Repeat("y", 100<<10) + "\r\n\r\nbody\r\n",
		"NUL":                       "Subject: a\x00b\r\n\r\n\x00\r\n",
		"a body beyond 64 KiB":      "Subject: x\r\n\r\n" + strings.Repeat("line\r\n", 50000),
		"a folded field, odd space": "Subject:x\r\n  y \r\n\tz\r\nA : b\r\n\r\n",
	} {
		for _, block := range []int{1, 7, 4096, 1 << 20} {
			if block == 1 && len(text) > 10000 {
				continue
			}
			t.Run(fmt.Sprintf("%s in blocks of %d", name, block), func(t *testing.T) {
				w := newWorld(t, nil)
				got, r, err := w.pass(t, envelope(mail.KindSMTP), nil, text, block)
				if err != nil {
					t.Fatal(err)
				}
				want := "Received: from helo.example (client.example [192.0.2.1])\r\n\tby mx.example (mtad) with ESMTP id " + r.ID +
					"\r\n\tfor <c@d.example>; Sun, 22 Nov 2026 12:00:00 +0000 (UTC)\r\n" + text
				if got != want {
					t.Fatalf("got %.300q\nwant %.300q", got, want)
				}
				if len(w.queued) != 1 || w.queued[0].Size != int64(len(want)) {
					t.Fatalf("queued %+v", w.queued)
				}
			})
		}
	}
}

func TestFieldsAreDroppedAndAdded(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"dropped fields go, in any case", "BCC: x\r\nReturn-Path: <y>\r\nMessage-Id: <m>\r\nDate: d\r\nFrom: f\r\n\r\n",
			"Message-Id: <m>\r\nDate: d\r\nFrom: f\r\n\r\n"},
		{"missing fields come", "To: x\r\n\r\nbody\r\n",
			"To: x\r\nMessage-Id: <20261122120000.ID@mx.example>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000 (UTC)\r\nFrom: a@b.example\r\n\r\nbody\r\n"},
		{"resent mail gets Resent- fields", "Message-Id: <m>\r\nDate: d\r\nFrom: f\r\nResent-To: x\r\nResent-From: y\r\n\r\n",
			"Message-Id: <m>\r\nDate: d\r\nFrom: f\r\nResent-To: x\r\nResent-From: y\r\n" +
				"Resent-Message-Id: <20261122120000.ID@mx.example>\r\nResent-Date: Sun, 22 Nov 2026 12:00:00 +0000 (UTC)\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			got, r, err := w.pass(t, envelope(mail.KindSendmail), nil, c.in, 100)
			if err != nil {
				t.Fatal(err)
			}
			_, got, _ = strings.Cut(got, "(UTC)\r\n")
			if got = strings.ReplaceAll(got, r.ID, "ID"); got != c.want {
				t.Fatalf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestReceivedCannotBeFaked(t *testing.T) {
	env := envelope(mail.KindSMTP)
	env.Origin.Helo = "x) by evil (y\r\nEvil: 1"
	w := newWorld(t, nil)
	got, _, err := w.pass(t, env, nil, "\r\n", 100)
	if err != nil || !strings.HasPrefix(got, "Received: from x? by evil ?y  Evil: 1 (client.example [192.0.2.1])\r\n\tby ") {
		t.Fatalf("%v %q", err, got)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, text, enhanced string
		code                 int
	}{
		{"over message_size_limit", strings.Repeat("x", 2<<20) + "\r\n", "5.3.4", 552},
		{"over hopcount_limit", strings.Repeat("Received: x\r\n", 51) + "\r\n", "5.4.0", 554},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			_, _, err := w.pass(t, envelope(mail.KindSMTP), nil, c.text, 64<<10)
			var e *status.Error
			if !errors.As(err, &e) || e.Reply.Code != c.code || e.Reply.Enhanced != c.enhanced {
				t.Fatalf("got %v", err)
			}
			if w.store.Counts()[queue.Incoming] != 0 || w.queued != nil {
				t.Fatal("it was queued all the same")
			}
		})
	}
}

// plugin is a module that runs a function at eom.
type plugin func(tx sdk.Tx) sdk.Verdict

func (p plugin) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: "p", Hooks: 1 << sdk.PointEOM}
}
func (p plugin) Call(_ context.Context, _ sdk.Point, h sdk.Host) (sdk.Action, error) {
	return sdk.Answer(h, p(sdk.Tx{Host: h})), nil
}
func (plugin) Close(context.Context) error { return nil }

func TestWhatPluginsDecideIsWhatIsQueued(t *testing.T) {
	for _, c := range []struct {
		name  string
		fn    plugin
		check func(t *testing.T, w *world, text string, r Result, err error)
	}{
		{"a new body and an edited header", func(tx sdk.Tx) sdk.Verdict {
			tx.SetHeader("Subject", "new")
			tx.ReplaceBody(strings.NewReader("new body\n"))
			return sdk.Continue
		}, func(t *testing.T, w *world, text string, _ Result, err error) {
			if err != nil || !strings.HasSuffix(text, "\r\nSubject: new\r\n\r\nnew body\r\n") {
				t.Fatalf("%v %q", err, text)
			}
		}},
		{"discard says yes and queues nothing", func(sdk.Tx) sdk.Verdict { return sdk.Discard },
			func(t *testing.T, w *world, _ string, r Result, err error) {
				if err != nil || !r.Discarded || r.ID == "" || w.store.Counts()[queue.Incoming] != 0 {
					t.Fatalf("%v %+v", err, r)
				}
			}},
		{"hold is on disk with its reason", func(sdk.Tx) sdk.Verdict { return sdk.Hold("look") },
			func(t *testing.T, w *world, _ string, r Result, err error) {
				_, rec, err2 := w.store.Load(r.ID)
				if err != nil || err2 != nil || !r.Held || rec.State != queue.Hold || rec.Reason != "plugin p: look" || w.queued != nil {
					t.Fatalf("%v %v %+v %+v", err, err2, r, rec)
				}
			}},
		{"redirect replaces the recipients", func(sdk.Tx) sdk.Verdict { return sdk.Redirect("q@x.example") },
			func(t *testing.T, w *world, _ string, _ Result, err error) {
				if err != nil || len(w.queued) != 1 || len(w.queued[0].Recipients) != 1 || w.queued[0].Recipients[0].Address != "q@x.example" {
					t.Fatalf("%v %+v", err, w.queued)
				}
			}},
		{"reject queues nothing", func(sdk.Tx) sdk.Verdict { return sdk.Reject("5.7.1", "no") },
			func(t *testing.T, w *world, _ string, _ Result, err error) {
				if status.From(err).Reply.Code != 550 || w.store.Counts()[queue.Incoming] != 0 {
					t.Fatalf("%v", err)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			set := hook.NewSet([]hook.Plugin{{Module: c.fn, Allow: map[string]bool{"edit": true}}}, hook.Options{})
			env := envelope(mail.KindSMTP)
			text, r, err := w.pass(t, env, set.Session(&env.Origin).Begin(env), "Subject: old\r\n\r\nold body\r\n", 10)
			c.check(t, w, text, r, err)
		})
	}
}

func TestSubmitTakesAnyLineEnd(t *testing.T) {
	w := newWorld(t, nil)
	id, err := w.Submit(context.Background(), envelope(mail.KindSendmail), bytes.NewReader([]byte("To: x\n\nline\r\nlast")))
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, _ := io.ReadAll(mail.Reader(c))
	if !strings.HasPrefix(string(b), "Received: by mx.example (mtad, from userid 1000)\r\n\tid "+id) || !strings.HasSuffix(string(b), "\r\n\r\nline\r\nlast\r\n") {
		t.Fatalf("%q", b)
	}
}

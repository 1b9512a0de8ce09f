package virtual_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
	"github.com/mtad/mtad/pipeline/deliver/virtual"
	"github.com/mtad/mtad/queue"
)

// table is a lookup table that notes what it was asked. The value "!" is a failure, "!5" one
// that claims to be permanent.
type table struct {
	rows  map[string]string
	asked []string
}

func (t *table) Lookup(_ context.Context, key string) (string, bool, error) {
	t.asked = append(t.asked, key)
	switch v, ok := t.rows[key]; v {
	case "!":
		return "", false, errors.New("database is down")
	case "!5":
		return "", false, status.Reject("5.1.1", "no such table")
	default:
		return v, ok, nil
	}
}

func rows(kv ...string) *table {
	t := &table{rows: map[string]string{}}
	for i := 0; i < len(kv); i += 2 {
		t.rows[kv[i]] = kv[i+1]
	}
	return t
}

func options(t *testing.T) virtual.Options {
	t.Helper()
	return virtual.Options{
		Base: t.TempDir(), Original: true, RecipientDelimiter: "+-",
		Mailbox: mailbox.AsSelf{W: mailbox.New(mailbox.Options{Locks: mailbox.DefaultLocks, SizeLimit: 10_000})},
	}
}

func deliver(t *testing.T, o virtual.Options, text string, rcpts ...mail.Recipient) []queue.Result {
	t.Helper()
	a, err := virtual.New(o)
	if err != nil {
		t.Fatal(err)
	}
	rs := a.Deliver(context.Background(), request(text, rcpts...))
	if len(rs) != len(rcpts) {
		t.Fatalf("%d results for %d recipients", len(rs), len(rcpts))
	}
	return rs
}

func request(text string, rcpts ...mail.Recipient) *queue.Request {
	return &queue.Request{
		Entry: &queue.Entry{Envelope: mail.Envelope{ID: "4F1", Sender: "alice@example.com"}}, Transport: "virtual",
		Recipients: rcpts, Open: func() (mail.Content, error) { return mail.Bytes(text), nil },
	}
}

func to(address string) mail.Recipient { return mail.Recipient{Address: address, Original: address} }

func want(t *testing.T, r queue.Result, outcome queue.Outcome, reply string) {
	t.Helper()
	if r.Outcome != outcome || !strings.HasPrefix(r.Reply.String(), reply) {
		t.Errorf("got %v: %v (%v), want %v: %s", r.Outcome, r.Reply, r.Cause, outcome, reply)
	}
	if r.Relay != "virtual" || r.Begun.IsZero() {
		t.Errorf("relay %q, begun %v", r.Relay, r.Begun)
	}
}

func TestTheValueOfTheTableIsTheMailbox(t *testing.T) {
	o := options(t)
	o.Mailboxes = rows("md@v.example", "v.example/md/", "mb@v.example", "v.example/mb", "a b@v.example", "ab", "@w.example", "w/")
	rs := deliver(t, o, "Subject: x\r\n\r\nFrom here\r\n",
		mail.Recipient{Address: "MD+x@V.example", Original: "alias@example.org"}, to("mb@v.example"), to(`"a b"@v.example`), to("any@w.example"))
	want(t, rs[0], queue.Sent, "250 2.0.0 delivered to maildir")
	want(t, rs[1], queue.Sent, "250 2.0.0 delivered to mailbox")
	want(t, rs[2], queue.Sent, "250 2.0.0 delivered to mailbox")
	want(t, rs[3], queue.Sent, "250 2.0.0 delivered to maildir")
	names, _ := filepath.Glob(filepath.Join(o.Base, "v.example/md/new/*"))
	if len(names) != 1 {
		t.Fatalf("new has %q", names)
	}
	b, err := os.ReadFile(names[0])
	if wanted := "Return-Path: <alice@example.com>\nX-Original-To: alias@example.org\nDelivered-To: MD+x@V.example\nSubject: x\n\nFrom here\n"; err != nil || string(b) != wanted {
		t.Errorf("got %q, %v", b, err)
	}
	b, err = os.ReadFile(filepath.Join(o.Base, "v.example/mb"))
	if err != nil || !strings.HasPrefix(string(b), "From alice@example.com  ") || !strings.HasSuffix(string(b), "\n\n>From here\n\n") {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestTheTableIsAskedInTheOrderOfPostfix(t *testing.T) {
	for _, c := range []struct {
		name, address string
		asked         []string
	}{
		{"with an extension", "User+Ext@Example.org", []string{"user+ext@example.org", "user@example.org", "@example.org"}},
		{"without", "user@example.org", []string{"user@example.org", "@example.org"}},
		{"another delimiter", "user-a+b@example.org", []string{"user-a+b@example.org", "user@example.org", "@example.org"}},
		{"a quoted at sign", `"a@b"@example.org`, []string{"a@b@example.org", "@example.org"}},
		{"no domain", "user", []string{"user"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			none := rows()
			o.Mailboxes = none
			rs := deliver(t, o, "x", to(c.address))
			want(t, rs[0], queue.Bounced, `550 5.1.1 unknown user: "`+c.asked[0]+`"`)
			if rs[0].Cause == nil || rs[0].Cause.Error() != "virtual_mailbox_maps" {
				t.Errorf("cause %v", rs[0].Cause)
			}
			if !slices.Equal(none.asked, c.asked) {
				t.Errorf("asked %q, want %q", none.asked, c.asked)
			}
		})
	}
}

func TestTroubleWithATableIsNeverNotFound(t *testing.T) {
	const user = "bob@example.org"
	for _, c := range []struct {
		name             string
		boxes, uids, gid *table
		reply            string
	}{
		{"the mailbox table fails", rows(user, "!"), nil, nil, "451 4.3.0 mailbox lookup failed"},
		{"it fails at a later key", rows("@example.org", "!"), nil, nil, "451 4.3.0 mailbox lookup failed"},
		{"it says its failure is permanent", rows(user, "!5"), nil, nil, "451 4.3.0 mailbox lookup failed"},
		{"the uid table fails", rows(user, "bob"), rows("@example.org", "!"), nil, "451 4.3.0"},
		{"the gid table fails", rows(user, "bob"), rows("@example.org", "1000"), rows(user, "!5"), "451 4.3.0"},
		{"no uid", rows(user, "bob"), rows(), nil, "451 4.3.5 mail system configuration error"},
		{"a uid below virtual_minimum_uid", rows(user, "bob"), rows(user, "99"), nil, "451 4.3.5"},
		{"a uid that is no number", rows(user, "bob"), rows(user, "vmail"), nil, "451 4.3.5"},
		{"a negative uid", rows(user, "bob"), rows(user, "-1"), nil, "451 4.3.5"},
		{"gid 0", rows(user, "bob"), rows(user, "1000"), rows(user, "0"), "451 4.3.5"},
		{"a path that leads out", rows(user, "../bob"), nil, nil, "451 4.3.5"},
		{"an empty path", rows(user, ""), nil, nil, "451 4.3.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			o.Mailboxes = c.boxes
			if c.uids != nil {
				o.UIDs = c.uids
			}
			if c.gid != nil {
				o.GIDs = c.gid
			}
			rs := deliver(t, o, "x", to(user))
			want(t, rs[0], queue.Deferred4, c.reply)
			if rs[0].Cause == nil {
				t.Error("no cause for the log")
			}
			if left, _ := filepath.Glob(filepath.Join(o.Base, "../*/*")); len(left) != 0 {
				t.Errorf("written: %q", left)
			}
		})
	}
}

func TestGoodOwnersAreAccepted(t *testing.T) {
	o := options(t)
	o.Mailboxes, o.UIDs, o.GIDs = rows("bob@example.org", "bob"), rows("@example.org", " 100 "), rows("@example.org", "8")
	want(t, deliver(t, o, "x", to("bob@example.org"))[0], queue.Sent, "250 2.0.0 delivered to mailbox")
}

func TestMailThatWasHereBeforeIsDeliveredAgain(t *testing.T) {
	o := options(t)
	o.Mailboxes = rows("@example.org", "all/")
	rs := deliver(t, o, "Delivered-To: Bob@example.ORG\r\n\r\nx", to("bob@example.org"), to("carol@example.org"))
	want(t, rs[0], queue.Sent, "250 2.0.0 delivered to maildir")
	want(t, rs[1], queue.Sent, "250 2.0.0 delivered to maildir")
}

func TestAMailboxOverItsLimitBounces(t *testing.T) {
	o := options(t)
	o.Mailboxes = rows("@example.org", "all")
	rs := deliver(t, o, strings.Repeat("x", 6000), to("a@example.org"), to("b@example.org"))
	want(t, rs[0], queue.Sent, "250 2.0.0 delivered to mailbox")
	want(t, rs[1], queue.Bounced, "552 5.2.2 cannot write to the mailbox: the mailbox is full")
}

func TestATextThatCannotBeOpenedDefersAll(t *testing.T) {
	o := options(t)
	o.Mailboxes = rows("@example.org", "all")
	a, err := virtual.New(o)
	if err != nil {
		t.Fatal(err)
	}
	req := request("", to("a@example.org"), to("b@example.org"))
	req.Open = func() (mail.Content, error) { return nil, errors.New("bad sector") }
	rs := a.Deliver(context.Background(), req)
	if len(rs) != 2 {
		t.Fatalf("%d results", len(rs))
	}
	want(t, rs[1], queue.Deferred4, "451 4.3.0")
}

func TestACancelledDeliveryIsDeferred(t *testing.T) {
	o := options(t)
	o.Mailboxes = rows("@example.org", "all")
	a, err := virtual.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	want(t, a.Deliver(ctx, request("x", to("a@example.org")))[0], queue.Deferred4, "451 4.3.2 delivery was interrupted")
}

func TestNewRefusesWhatItCannotDo(t *testing.T) {
	for name, spoil := range map[string]func(*virtual.Options){
		"no base":   func(o *virtual.Options) { o.Base = "" },
		"no table":  func(o *virtual.Options) { o.Mailboxes = nil },
		"no writer": func(o *virtual.Options) { o.Mailbox = nil },
	} {
		o := options(t)
		o.Mailboxes = rows()
		spoil(&o)
		if a, err := virtual.New(o); err == nil || a != nil {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}

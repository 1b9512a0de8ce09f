package local_test

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	rights "github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/local"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
	"github.com/mtad/mtad/queue"
)

func options(t *testing.T, spool string) local.Options {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "home/bob"), 0o700); err != nil {
		t.Fatal(err)
	}
	return local.Options{
		Spool: dir + "/" + spool, RecipientDelimiter: "+", DoubleBounceSender: "double-bounce",
		Users: local.List{
			"bob":  {Name: "bob", Home: filepath.Join(dir, "home/bob"), UID: os.Geteuid()},
			"home": {Name: "home"},
		},
		Original: true, Delivered: true,
		Mailbox: mailbox.AsSelf{W: mailbox.New(mailbox.Options{Locks: mailbox.DefaultLocks, StrictOwner: true, Create: mailbox.CreateAll})},
	}
}

func request(text string, rcpts ...string) *queue.Request {
	req := &queue.Request{
		Entry: &queue.Entry{Envelope: mail.Envelope{ID: "4F1", Sender: "alice@example.com"}}, Transport: "local",
		Open: func() (mail.Content, error) { return mail.Bytes(text), nil },
	}
	for _, r := range rcpts {
		req.Recipients = append(req.Recipients, mail.Recipient{Address: r, Original: r})
	}
	return req
}

func deliver(t *testing.T, o local.Options, text string, rcpts ...string) []queue.Result {
	t.Helper()
	a, err := local.New(o)
	if err != nil {
		t.Fatal(err)
	}
	rs := a.Deliver(context.Background(), request(text, rcpts...))
	if len(rs) != len(rcpts) {
		t.Fatalf("%d results for %d recipients", len(rs), len(rcpts))
	}
	return rs
}

func want(t *testing.T, r queue.Result, outcome queue.Outcome, reply string) {
	t.Helper()
	if r.Outcome != outcome || !strings.HasPrefix(r.Reply.String(), reply) {
		t.Errorf("got %v: %v (%v), want %v: %s", r.Outcome, r.Reply, r.Cause, outcome, reply)
	}
	if r.Relay != "local" || r.Begun.IsZero() {
		t.Errorf("relay %q, begun %v", r.Relay, r.Begun)
	}
}

// count returns the number of messages in a mailbox.
func count(t *testing.T, path string) int {
	t.Helper()
	if strings.HasSuffix(path, "/") {
		names, _ := filepath.Glob(filepath.Join(path, "new/*"))
		return len(names)
	}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count("\n"+string(b), "\nFrom ")
}

func TestAccountsGetTheirMailWhereTheParametersSay(t *testing.T) {
	for _, c := range []struct {
		name, spool, home string
		box               func(o local.Options) string
		text              string
	}{
		{"an mbox in the spool", "spool", "", func(o local.Options) string { return o.Spool + "/bob" }, "delivered to mailbox"},
		{"a maildir in the spool", "spool/", "", func(o local.Options) string { return o.Spool + "bob/" }, "delivered to maildir"},
		{"a maildir at home", "spool", "Maildir/", func(o local.Options) string { return filepath.Dir(o.Spool) + "/home/bob/Maildir/" }, "delivered to maildir"},
		{"an mbox at home", "spool/", "mail/inbox", func(o local.Options) string { return filepath.Dir(filepath.Dir(o.Spool)) + "/home/bob/mail/inbox" }, "delivered to mailbox"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, c.spool)
			o.HomeMailbox = c.home
			rs := deliver(t, o, "Subject: x\r\n\r\nx\r\n", "bob@example.org", "Bob+Ext@example.org", `"bob"@example.org`, "bob", "nosuch@example.org")
			for _, r := range rs[:4] {
				want(t, r, queue.Sent, "250 2.0.0 "+c.text)
			}
			want(t, rs[4], queue.Bounced, `550 5.1.1 unknown user: "nosuch"`)
			if n := count(t, c.box(o)); n != 4 {
				t.Errorf("%d messages in %s", n, c.box(o))
			}
		})
	}
}

func TestMailForRootIsDeliveredWithOtherRights(t *testing.T) {
	for _, c := range []struct {
		name, home, command, want string
	}{
		{"to the spool", "", "", "250 2.0.0 delivered to mailbox"},
		{"to a command", "", "true", "250 2.0.0 delivered to command"},
		{"not into the home", "Maildir/", "", "451 4.3.5 mail system configuration error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := expanding(t, options(t, "spool"), nil)
			me := o.Users.(local.List)["bob"]
			o.NeverRoot, o.HomeMailbox, o.MailboxCommand = true, c.home, c.command
			o.Users = local.List{"root": {Name: "root", Home: me.Home, UID: 0}, "other": {Name: "other", UID: os.Geteuid() + 1, GID: 99}}
			o.DefaultPrivs = "other"
			w := &asWhom{}
			o.Mailbox, o.Runner = w, w
			if err := os.WriteFile(filepath.Join(me.Home, ".forward"), []byte("elsewhere@example.org\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := deliver(t, o, "x", "root@example.org")[0]
			if got := r.Reply.String(); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s (%v), want %s", got, r.Cause, c.want)
			}
			if r.Outcome == queue.Sent && w.as.UID != os.Geteuid()+1 {
				t.Errorf("delivered as %+v", w.as)
			}
			if c.home == "" && c.command == "" && w.place.String() != o.Spool+"/root" {
				t.Errorf("delivered to %s", w.place)
			}
		})
	}
}

func TestTheHeaderIsAsTheParametersSay(t *testing.T) {
	for _, c := range []struct {
		original, delivered bool
		want                string
	}{
		{true, true, "Return-Path: <alice@example.com>\nX-Original-To: bob+x@example.org\nDelivered-To: bob+x@example.org\nSubject: x\n"},
		{false, true, "Return-Path: <alice@example.com>\nDelivered-To: bob+x@example.org\nSubject: x\n"},
		{true, false, "Return-Path: <alice@example.com>\nX-Original-To: bob+x@example.org\nSubject: x\n"},
	} {
		o := options(t, "spool/")
		o.Original, o.Delivered = c.original, c.delivered
		want(t, deliver(t, o, "Subject: x\r\n", "bob+x@example.org")[0], queue.Sent, "250 2.0.0 delivered")
		names, _ := filepath.Glob(filepath.Join(o.Spool, "bob/new/*"))
		if len(names) != 1 {
			t.Fatalf("new has %q", names)
		}
		if b, err := os.ReadFile(names[0]); err != nil || string(b) != c.want {
			t.Errorf("got %q, %v", b, err)
		}
	}
}

func TestRecipientsThatCannotHaveAMailbox(t *testing.T) {
	o := options(t, "spool")
	rs := deliver(t, o, "Delivered-To: BOB@example.org\r\n\r\nx", "bob@example.org", `""@example.org`, "@example.org",
		"double-bounce@example.org", "../../etc/passwd@example.org", "postmaster@example.org")
	want(t, rs[0], queue.Bounced, "554 5.4.6 mail forwarding loop for bob@example.org")
	want(t, rs[1], queue.Bounced, "553 5.1.3 null username in")
	want(t, rs[2], queue.Bounced, "553 5.1.3 null username in")
	want(t, rs[3], queue.Sent, "250 2.0.0 undeliverable postmaster notification discarded")
	want(t, rs[4], queue.Bounced, `550 5.1.1 unknown user: "../../etc/passwd"`)
	want(t, rs[5], queue.Bounced, `550 5.1.1 unknown user: "postmaster"`)
	if _, err := os.Stat(o.Spool); err == nil {
		t.Error("something was written")
	}
}

type brokenUsers struct{ err error }

func (b brokenUsers) Lookup(context.Context, string) (local.User, bool, error) {
	return local.User{}, false, b.err
}

func (b brokenUsers) LookupID(context.Context, int) (local.User, bool, error) {
	return local.User{}, false, b.err
}

func TestTroubleWithAccountsIsNeverNotFound(t *testing.T) {
	for _, err := range []error{errors.New("ldap is down"), status.Reject("5.1.1", "no"), status.Tempfail("4.3.0", "user lookup failed, try again later")} {
		o := options(t, "spool")
		o.Users = brokenUsers{err}
		want(t, deliver(t, o, "x", "bob@example.org")[0], queue.Deferred4, "451 4.3.0 user lookup failed, try again later")
		o = expanding(t, options(t, "spool"), nil)
		o.Aliases = []local.AliasMap{{Table: &table{rows: "!bob "}}}
		want(t, deliver(t, o, "x", "bob@example.org")[0], queue.Deferred4, "451 4.3.0 alias database unavailable")
	}
	o := options(t, "spool")
	o.HomeMailbox = "Maildir/"
	want(t, deliver(t, o, "x", "home@example.org")[0], queue.Deferred4, "451 4.3.5 mail system configuration error")
	o.HomeMailbox = "../alice/Maildir/"
	want(t, deliver(t, o, "x", "bob@example.org")[0], queue.Deferred4, "451 4.3.5 mail system configuration error")
}

// table is local_recipient_maps; "!" fails.
type table struct {
	rows  string
	asked []string
}

func (t *table) Lookup(_ context.Context, key string) (string, bool, error) {
	t.asked = append(t.asked, key)
	if strings.Contains(t.rows, "!"+key+" ") {
		return "", false, errors.New("database is down")
	}
	return "", strings.Contains(t.rows, " "+key+" "), nil
}

func TestDirectoryModeDeliversToUsersWithoutAccounts(t *testing.T) {
	for _, c := range []struct {
		name, rows string
		outcome    queue.Outcome
		reply      string
	}{
		{"everybody when there is no table", "", queue.Sent, "250 2.0.0 delivered to maildir"},
		{"a name that the table has", " carol ", queue.Sent, "250 2.0.0 delivered"},
		{"a name with extension", " carol+x ", queue.Sent, "250 2.0.0 delivered"},
		{"an address", " carol@example.org ", queue.Sent, "250 2.0.0 delivered"},
		{"an address with extension", " carol+x@example.org ", queue.Sent, "250 2.0.0 delivered"},
		{"the whole domain", " @example.org ", queue.Sent, "250 2.0.0 delivered"},
		{"nobody", " dave ", queue.Bounced, `550 5.1.1 unknown user: "carol"`},
		{"a table that fails", "!carol ", queue.Deferred4, "451 4.3.0 user lookup failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, "new/spool/")
			o.Users, o.Directory = nil, true
			if c.rows != "" {
				o.Recipients = &table{rows: c.rows}
			}
			want(t, deliver(t, o, "x", "Carol+X@example.org")[0], c.outcome, c.reply)
			n := map[bool]int{true: 1}[c.outcome == queue.Sent]
			if got := count(t, o.Spool+"carol/"); got != n {
				t.Errorf("%d messages", got)
			}
		})
	}
}

func TestTheRecipientTableIsAskedInTheOrderOfPostfix(t *testing.T) {
	o := options(t, "spool")
	tb := &table{rows: " "}
	o.Users, o.Directory, o.Recipients = nil, true, tb
	deliver(t, o, "x", "Carol+X@Example.org", "dave@example.org", "erin")
	if w := []string{
		"carol+x@example.org", "carol@example.org", "carol+x", "carol", "@example.org",
		"dave@example.org", "dave", "@example.org", "erin",
	}; !slices.Equal(tb.asked, w) {
		t.Errorf("asked %q", tb.asked)
	}
}

func TestDirectoryModeTakesNoNameThatCouldHarm(t *testing.T) {
	o := options(t, "spool")
	o.Users, o.Directory = nil, true
	for _, name := range []string{`"../bob"`, `".."`, `"a/b"`, `".ssh"`, "bob.lock", `"a` + "\x01" + `b"`, strings.Repeat("x", 300)} {
		want(t, deliver(t, o, "x", name+"@example.org")[0], queue.Bounced, "550 5.1.1 unknown user: ")
	}
	if _, err := os.Stat(o.Spool); err == nil {
		t.Error("something was written")
	}
}

func TestTheAccountsOfThisMachine(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	u, found, err := local.Accounts{}.Lookup(context.Background(), me.Username)
	if err != nil || !found || u.Name != me.Username || u.UID != os.Getuid() || u.Home != me.HomeDir {
		t.Errorf("%s: %+v, %v, %v", me.Username, u, found, err)
	}
	if u, found, err := (local.Accounts{}).Lookup(context.Background(), "no-such-user-here"); err != nil || found {
		t.Errorf("got %+v, %v", u, err)
	}
}

func TestATextThatCannotBeReadDefersAll(t *testing.T) {
	a, err := local.New(options(t, "spool"))
	if err != nil {
		t.Fatal(err)
	}
	for _, open := range []func() (mail.Content, error){
		func() (mail.Content, error) { return nil, errors.New("bad sector") },
		func() (mail.Content, error) { return short{mail.Bytes("x")}, nil },
	} {
		req := request("", "bob@example.org", "bob@example.org")
		req.Open = open
		rs := a.Deliver(context.Background(), req)
		if len(rs) != 2 {
			t.Fatalf("%d results", len(rs))
		}
		want(t, rs[1], queue.Deferred4, "451 4.3.0")
	}
}

// short claims more bytes than it has.
type short struct{ mail.Bytes }

// Size is one too many.
func (s short) Size() int64 { return int64(len(s.Bytes)) + 1 }

func TestNewRefusesWhatItCannotDo(t *testing.T) {
	for name, spoil := range map[string]func(*local.Options){
		"no spool":                 func(o *local.Options) { o.Spool = "" },
		"no accounts":              func(o *local.Options) { o.Users = nil },
		"no writer":                func(o *local.Options) { o.Mailbox = nil },
		"directory mode, no spool": func(o *local.Options) { o.Directory, o.Spool, o.HomeMailbox = true, "", "x" },
	} {
		o := options(t, "spool")
		spoil(&o)
		if a, err := local.New(o); err == nil || a != nil {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}

// asWhom notes with which rights something is delivered.
type asWhom struct {
	as    rights.As
	place mailbox.Place
}

func (w *asWhom) Deliver(_ context.Context, as rights.As, p mailbox.Place, _ *mailbox.Message) (string, error) {
	w.as, w.place = as, p
	return "delivered to mailbox", nil
}

func (w *asWhom) Run(_ context.Context, c *rights.Command) (rights.Ended, error) {
	w.as = c.As
	return rights.Ended{}, nil
}

package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver/local"
	"github.com/mtad/mtad/queue"
)

// world is what an expansion meets: example.org is here, all else elsewhere.
type world struct {
	entries []mail.Envelope
	texts   []string
	fail    error
	passed  []string
	log     *strings.Builder
}

func (w *world) Standard(a string) string {
	if !strings.Contains(a, "@") {
		a += "@example.org"
	}
	return a
}

func (w *world) Resolve(_ context.Context, _ *mail.Envelope, r mail.Recipient) (queue.Route, error) {
	if strings.HasSuffix(r.Address, "@example.org") {
		return queue.Route{Transport: "local", Recipient: r.Address}, nil
	}
	return queue.Route{Transport: "smtp", Nexthop: "elsewhere", Recipient: r.Address}, nil
}

func (w *world) Submit(_ context.Context, env *mail.Envelope, text io.Reader) (string, error) {
	b, err := io.ReadAll(text)
	if err = errors.Join(err, w.fail); err != nil {
		return "", err
	}
	w.entries, w.texts = append(w.entries, *env), append(w.texts, string(b))
	return fmt.Sprintf("5A%d", len(w.entries)), nil
}

func (w *world) pass(_ context.Context, req *queue.Request, transport string) queue.Result {
	w.passed = append(w.passed, transport+" "+req.Recipients[0].Address)
	return queue.Result{Outcome: queue.Sent, Relay: "local", Begun: req.Entry.Arrived.Add(1), Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "passed"}}
}

// to is the recipients of the n-th new entry.
func (w *world) to(n int) string {
	if n >= len(w.entries) {
		return ""
	}
	var all []string
	for _, r := range w.entries[n].Recipients {
		all = append(all, r.Address)
	}
	return strings.Join(all, " ")
}

// rows is a table.
type rows map[string]string

func (r rows) Lookup(_ context.Context, key string) (string, bool, error) {
	v, ok := r[key]
	return v, ok, nil
}

// expanding adds aliases, .forward files and a world to options. All rights are this process's.
func expanding(t *testing.T, o local.Options, aliases rows) local.Options {
	t.Helper()
	w := &world{log: &strings.Builder{}}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	me := o.Users.(local.List)["bob"]
	me.Name = u.Username
	me.Shell = "/bin/sh"
	list := local.List{"me": me, "bob": me, "home": {Name: "home", UID: 54321}}
	o.Users, o.DefaultPrivs = list, "me"
	if os.Geteuid() == 0 { // default_privs must not be root
		list["nobody"], o.DefaultPrivs = local.User{Name: "nobody", UID: 65534, GID: 65534}, "nobody"
	}
	o.Aliases = []local.AliasMap{{Table: aliases}}
	o.ForwardPath = []string{"$home/.forward${recipient_delimiter}${extension}", "$home/.forward"}
	all := local.Allowed{Alias: true, Forward: true}
	o.Commands, o.Files, o.OwnerSpecial = all, all, true
	o.DeliveredForward, o.DeliveredCommand = true, true
	o.Resolver, o.Submitter, o.Pass = w, w, w.pass
	o.Log = maillog.New(maillog.Options{Writer: w.log, Name: "mtad"}).Service("local")
	return o
}

func worldOf(o local.Options) *world { return o.Resolver.(*world) }

// parts are the deliveries that a recipient became, "address: text".
func parts(r queue.Result) []string {
	var all []string
	for _, p := range r.Parts {
		all = append(all, p.Recipient.Address+": "+p.Result.Reply.Text)
	}
	return all
}

func TestAliasesGoWhereTheirRightHandSideSays(t *testing.T) {
	for _, c := range []struct {
		name    string
		aliases rows
		rcpt    string
		parts   []string
		forward string
		box     int
	}{
		{"a user here", rows{"info": "bob"}, "info@example.org", []string{"bob@example.org: delivered to mailbox"}, "", 1},
		{"another case, an extension", rows{"info": "bob"}, "Info+x@example.org", []string{"bob@example.org: delivered to mailbox"}, "", 1},
		{"an extension of its own", rows{"info+x": "a@remote.example", "info": "bob"}, "info+x@example.org", nil, "a@remote.example", 0},
		{"a chain", rows{"a": "b", "b": "c", "c": "bob"}, "a@example.org", []string{"bob@example.org: delivered to mailbox"}, "", 1},
		{"an address elsewhere", rows{"info": "a@remote.example"}, "info@example.org", nil, "a@remote.example", 0},
		{"a list, each once", rows{"info": "bob, a@remote.example, A@remote.example, more", "more": "bob, b@remote.example"}, "info@example.org",
			[]string{"bob@example.org: delivered to mailbox", "info@example.org: forwarded as 5A1"}, "a@remote.example b@remote.example", 1},
		{"itself and others", rows{"bob": "bob, a@remote.example"}, "bob@example.org",
			[]string{"bob@example.org: delivered to mailbox", "bob@example.org: forwarded as 5A1"}, "a@remote.example", 1},
		{"a mailbox past its alias", rows{"info": `\bob`, "bob": "a@remote.example"}, "info@example.org", []string{"bob@example.org: delivered to mailbox"}, "", 1},
		{"nowhere", rows{"info": "/dev/null"}, "info@example.org", nil, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := expanding(t, options(t, "spool"), c.aliases)
			r := deliver(t, o, "Subject: x\r\n\r\nx\r\n", c.rcpt)[0]
			if !r.Outcome.Done() || r.Outcome == queue.Bounced {
				t.Fatalf("got %v %v %v", r.Outcome, r.Reply, r.Cause)
			}
			if got := parts(r); !slices.Equal(got, c.parts) {
				t.Errorf("parts %q, want %q", got, c.parts)
			}
			if got := worldOf(o).to(0); got != c.forward {
				t.Errorf("forwarded to %q, want %q", got, c.forward)
			}
			if n := count(t, o.Spool+"/bob"); n != c.box {
				t.Errorf("%d messages", n)
			}
		})
	}
}

func TestWhatIsForwardedIsMarkedAndKeepsItsSender(t *testing.T) {
	o := expanding(t, options(t, "spool"), rows{"info": "a@remote.example", "list": "a@remote.example, bob", "owner-list": "carol@remote.example", "list-request": "bob"})
	r := deliver(t, o, "Subject: x\r\n\r\nx\r\n", "Info@example.org", "list@example.org", "list-request@example.org")
	w := worldOf(o)
	want(t, r[0], queue.Expanded, "250 2.0.0 forwarded as 5A1")
	want(t, r[1], queue.Expanded, "250 2.0.0 forwarded as 5A2")
	want(t, r[2], queue.Sent, "250 2.0.0 delivered to mailbox")
	if w.texts[0] != "Delivered-To: Info@example.org\r\nSubject: x\r\n\r\nx\r\n" {
		t.Errorf("the text is %q", w.texts[0])
	}
	e := w.entries[0]
	if e.Sender != "alice@example.com" || e.Origin.Kind != mail.KindForward || e.Origin.Hops != 1 || e.Recipients[0].Original != "Info@example.org" {
		t.Errorf("the entry is %+v", e)
	}
	// All of a list with an owner goes through the queue, so that each recipient is retried by itself.
	if l := w.entries[1]; l.Sender != "owner-list@example.org" || w.to(1) != "a@remote.example bob@example.org" {
		t.Errorf("the list's entry is %+v", l)
	}
	o.ExpandOwner = true
	deliver(t, o, "x", "list@example.org")
	if got := w.entries[2].Sender; got != "carol@remote.example" {
		t.Errorf("the owner is %q", got)
	}
}

func TestAForwardFileIsObeyedWhenItIsSafe(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		mode             os.FileMode
		rcpt, forward    string
		box              int
	}{
		{"an address", ".forward", "a@remote.example\n", 0o600, "bob@example.org", "a@remote.example", 0},
		{"an address and the user", ".forward", "# both\n\\bob\na@remote.example\n", 0o644, "bob@example.org", "a@remote.example", 1},
		{"the user by name", ".forward", "bob, a@remote.example", 0o600, "bob@example.org", "a@remote.example", 1},
		{"an extension's file", ".forward+x", "x@remote.example", 0o600, "bob+x@example.org", "x@remote.example", 0},
		{"no file for the extension", ".forward", "a@remote.example", 0o600, "bob+y@example.org", "a@remote.example", 0},
		{"a file that all can write", ".forward", "a@remote.example", 0o646, "bob@example.org", "", 1},
		{"an empty file", ".forward", "\n", 0o600, "bob@example.org", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := expanding(t, options(t, "spool"), nil)
			me, _, _ := o.Users.Lookup(context.Background(), "bob")
			path := filepath.Join(me.Home, c.file)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			r := deliver(t, o, "x", c.rcpt)[0]
			if r.Outcome != queue.Sent && r.Outcome != queue.Expanded {
				t.Fatalf("got %v %v", r.Reply, r.Cause)
			}
			if got := worldOf(o).to(0); got != c.forward {
				t.Errorf("forwarded to %q", got)
			}
			if n := count(t, o.Spool+"/bob"); n != c.box {
				t.Errorf("%d messages", n)
			}
		})
	}
}

func TestAliasesThatLeadNowhereAreTold(t *testing.T) {
	o := expanding(t, options(t, "spool"), rows{
		"loop": "pool", "pool": "loop, loop", "self": "self", "bad": ":include:/no/such/file", "relative": ":include:list",
		"mixed": "nosuch, bob", "empty": " ,",
	})
	for _, c := range []struct {
		rcpt    string
		outcome queue.Outcome
		reply   string
	}{
		{"loop@example.org", queue.Bounced, "554 5.4.6 alias database loop for "},
		{"self@example.org", queue.Bounced, `550 5.1.1 unknown user: "self"`},
		{"bad@example.org", queue.Deferred4, "451 4.3.5 mail system configuration error"},
		{"relative@example.org", queue.Deferred4, "451 4.3.5 "},
		{"mixed@example.org", queue.Bounced, `550 5.1.1 unknown user: "nosuch"`},
		{"empty@example.org", queue.Deferred4, "451 4.3.5 "},
	} {
		r := deliver(t, o, "x", c.rcpt)[0]
		want(t, r, c.outcome, c.reply)
	}
	if n := count(t, o.Spool+"/bob"); n != 1 {
		t.Errorf("%d messages: the good part of a list gets its mail", n)
	}
}

func TestAnIncludeFileHasWhatItMay(t *testing.T) {
	o := expanding(t, options(t, "spool"), nil)
	dir := filepath.Dir(o.Spool)
	list := filepath.Join(dir, "list")
	text := "# the members\nbob\na@remote.example\n\"|touch " + dir + "/ran\"\n" + dir + "/file\n:include:" + list + "\n"
	if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Aliases = []local.AliasMap{{Table: rows{"list": ":include:" + list}}}
	r := deliver(t, o, "x", "list@example.org")[0]
	want(t, r, queue.Bounced, "550 5.7.1 mail to ")
	if got := parts(r); len(got) != 3 || worldOf(o).to(0) != "a@remote.example" {
		t.Errorf("parts %q", got)
	}
	o.Commands.Include, o.Files.Include = true, true
	r = deliver(t, o, "x", "list@example.org")[0]
	if os.Geteuid() != 0 {
		want(t, r, queue.Expanded, "250 2.0.0 forwarded as")
	}
	if _, err := os.Stat(dir + "/ran"); err != nil && os.Geteuid() != 0 {
		t.Error(err)
	}
}

// What was delivered once is not delivered again because another part of the same alias has to wait.
func TestAPartThatIsDoneIsNotDoneAgain(t *testing.T) {
	o := expanding(t, options(t, "spool"), rows{"info": "bob, a@remote.example, nosuch"})
	w := worldOf(o)
	w.fail = errors.New("the disk is full")
	a, err := local.New(o)
	if err != nil {
		t.Fatal(err)
	}
	req := request("x", "info@example.org")
	for range 2 {
		want(t, a.Deliver(context.Background(), req)[0], queue.Deferred4, "451 4.3.0 unable to forward message")
	}
	w.fail = nil
	r := a.Deliver(context.Background(), req)[0]
	want(t, r, queue.Bounced, `550 5.1.1 unknown user: "nosuch"`)
	if n := count(t, o.Spool+"/bob"); n != 1 {
		t.Errorf("%d messages", n)
	}
	var told []bool
	for _, p := range r.Parts {
		told = append(told, p.Told)
	}
	if !slices.Equal(told, []bool{true, true, false}) {
		t.Errorf("told %v of %q", told, parts(r))
	}
}

func TestTheOrderOfWaysToAMailbox(t *testing.T) {
	maps := rows{"bob": "lmtp:unix:maps"}
	for _, c := range []struct {
		name   string
		set    func(*local.Options)
		rcpt   string
		passed string
		reply  string
	}{
		{"the transport of the user", func(o *local.Options) { o.MailboxTransportMaps, o.MailboxTransport = maps, "lmtp:unix:all" }, "bob", "lmtp:unix:maps bob@example.org", "250 2.0.0 passed"},
		{"the transport of all", func(o *local.Options) { o.MailboxTransport, o.MailboxCommand = "lmtp:unix:all", "exit 1" }, "nosuch", "lmtp:unix:all nosuch@example.org", "250 2.0.0 passed"},
		{"the command of the user", func(o *local.Options) {
			o.MailboxCommandMaps, o.MailboxCommand = rows{"bob": "cat >/dev/null; exit 67"}, "true"
		}, "bob", "", "550 5.1.1 user unknown"},
		{"the command of all", func(o *local.Options) { o.MailboxCommand, o.HomeMailbox = "cat >/dev/null", "Maildir/" }, "bob", "", "250 2.0.0 delivered to command: cat >/dev/null"},
		{"the mailbox at home", func(o *local.Options) { o.HomeMailbox = "Maildir/" }, "bob", "", "250 2.0.0 delivered to maildir"},
		{"the transport of unknown users", func(o *local.Options) { o.FallbackTransport, o.LuserRelay = "lmtp:unix:late", "bob" }, "nosuch", "lmtp:unix:late nosuch@example.org", "250 2.0.0 passed"},
		{"that of one unknown user", func(o *local.Options) { o.FallbackTransportMaps = rows{"nosuch": "smtp:[there]"} }, "nosuch", "smtp:[there] nosuch@example.org", "250 2.0.0 passed"},
		{"luser_relay", func(o *local.Options) { o.LuserRelay = "$user@remote.example" }, "nosuch+x", "", "250 2.0.0 forwarded as 5A1"},
		{"luser_relay that is here", func(o *local.Options) { o.LuserRelay = "bob" }, "nosuch", "", "250 2.0.0 delivered to mailbox"},
		{"luser_relay that is unknown", func(o *local.Options) { o.LuserRelay = "other" }, "nosuch", "", `550 5.1.1 unknown user: "other"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := expanding(t, options(t, "spool"), nil)
			c.set(&o)
			r := deliver(t, o, "x", c.rcpt+"@example.org")[0]
			if got := r.Reply.String(); !strings.HasPrefix(got, c.reply) {
				t.Errorf("got %s (%v), want %s", got, r.Cause, c.reply)
			}
			if got := strings.Join(worldOf(o).passed, ", "); got != c.passed {
				t.Errorf("passed to %q, want %q", got, c.passed)
			}
		})
	}
}

func TestACommandGetsItsSurroundings(t *testing.T) {
	o := expanding(t, options(t, "spool"), nil)
	out := filepath.Join(filepath.Dir(o.Spool), "out")
	o.MailboxCommand = `(echo "$USER $HOME $LOCAL $EXTENSION $DOMAIN $RECIPIENT $SENDER $PLAIN $PWD"; cat) >` + out
	o.Environment, o.Filters.Command, o.ExecutionDirectory = []string{"PATH=/usr/bin:/bin", "PLAIN=yes"}, "abcdefghijklmnopqrstuvwxyz@.+", "$home"
	r := deliver(t, o, "Subject: x\r\n\r\nFrom here\r\n", `"bob+x;y"@example.org`)[0]
	want(t, r, queue.Sent, "250 2.0.0 delivered to command: ")
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	me, _, _ := o.Users.Lookup(context.Background(), "bob")
	first := fmt.Sprintf("%s %s bob+x_y x_y example.org bob+x_y@example.org alice@example.com yes %s\n", me.Name, me.Home, me.Home)
	if !strings.HasPrefix(string(b), first) || !strings.HasSuffix(string(b), "Delivered-To: \"bob+x;y\"@example.org\nSubject: x\n\nFrom here\n") {
		t.Errorf("it got %q, want %q first", b, first)
	}
}

func TestACommandIsRunWithoutAShellWhereNoneIsNeeded(t *testing.T) {
	for text, want := range map[string][]string{
		"/usr/bin/procmail -a x": {"/usr/bin/procmail", "-a", "x"},
		"true":                   {"true"},
		"exit 67":                {"/bin/sh", "-c", "exit 67"},
		`/bin/x "$USER"`:         {"/bin/sh", "-c", `/bin/x "$USER"`},
		"IFS=' ' && exec /bin/x": {"/bin/sh", "-c", "IFS=' ' && exec /bin/x"},
		"":                       {"/bin/sh", "-c", ""},
	} {
		if got := local.Argv(text, ""); !slices.Equal(got, want) {
			t.Errorf("%q: got %q", text, got)
		}
	}
	if got := local.Argv("a b", "/some/shell -c"); !slices.Equal(got, []string{"/some/shell", "-c", "a b"}) {
		t.Errorf("with local_command_shell: %q", got)
	}
}

func TestExtensionsArePropagatedWhereTheyMay(t *testing.T) {
	o := expanding(t, options(t, "spool"), rows{"info": "a@remote.example"})
	o.Propagate.Alias = true
	deliver(t, o, "x", "info+x@example.org")
	if got := worldOf(o).to(0); got != "a+x@remote.example" {
		t.Errorf("forwarded to %q", got)
	}
}

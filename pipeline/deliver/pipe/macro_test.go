package pipe_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/deliver/pipe"
	"github.com/mtad/mtad/queue"
)

// show says which arguments it has.
const show = "#!/bin/sh\ncat >/dev/null\nfor a; do printf '[%s]' \"$a\"; done\n"

// arguments delivers and returns what the command was called with.
func (w *world) arguments(attributes string, words []string, req *queue.Request) string {
	w.t.Helper()
	args := append(strings.Fields(attributes+" user="+self(w.t)), append([]string{"argv=" + w.script("show", show)}, words...)...)
	c, err := pipe.Parse(args)
	if err != nil {
		w.t.Fatal(err)
	}
	w.o.Command = c
	a, err := pipe.New(w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	r := deliver(w.t, a, req)[0]
	said, ok := strings.CutPrefix(r.Reply.Text, "delivered via prog service (")
	if !ok {
		w.t.Fatalf("got %v (%v)", r.Reply, r.Cause)
	}
	return strings.TrimSuffix(said, ")")
}

// The expectations are what pipe(8) of Postfix 3.7 made of the same, but for envid, which is newer.
func TestMacros(t *testing.T) {
	const odd, plus = `"q -w$(x)"@Show.test`, "Us.Er+Ext+X@Show.test"
	for _, c := range []struct {
		name, flags, sender string
		rcpts, words        []string
		want                string
	}{
		{"each of the recipient's", "", "a@s.test", []string{plus},
			[]string{"${recipient}", "${original_recipient}", "${user}", "${extension}", "${mailbox}", "${domain}"},
			"[" + plus + "][Was+" + plus + "][Us.Er][Ext+X][Us.Er+Ext+X][Show.test]"},
		{"each of the message's", "", "A.B@Sender.test", []string{plus},
			[]string{"${sender}", "${nexthop}", "${size}", "${queue_id}", "${envid}", "${client_address}", "${client_hostname}", "${client_helo}",
				"${client_port}", "${client_protocol}", "${sasl_method}", "${sasl_sender}", "${sasl_username}"},
			"[A.B@Sender.test][NextHop.Test][35][4F1][env+2B][192.0.2.7][client.test][he.lo][4711][ESMTP][PLAIN][orig@sender.test][jo]"},
		{"h folds domains", "flags=h", "A@S.test", []string{plus},
			[]string{"${recipient}", "${original_recipient}", "${user}", "${domain}", "${nexthop}", "${sender}"},
			"[Us.Er+Ext+X@show.test][Was+Us.Er+Ext+X@show.test][Us.Er][show.test][nexthop.test][A@S.test]"},
		{"u folds local parts", "flags=u", "A@S.test", []string{plus},
			[]string{"${recipient}", "${original_recipient}", "${user}", "${extension}", "${mailbox}", "${domain}", "${sender}"},
			"[us.er+ext+x@Show.test][was+us.er+ext+x@Show.test][us.er][ext+x][us.er+ext+x][Show.test][A@S.test]"},
		{"without q quotes go", "", `"a b"@x.test`, []string{odd}, []string{"${recipient}", "${user}", "${sender}"},
			"[q -w$(x)@Show.test][q -w$(x)][a b@x.test]"},
		{"with q they stay on addresses", "flags=q", `"a b"@x.test`, []string{odd}, []string{"${recipient}", "${user}", "${sender}"},
			`["q -w$(x)"@Show.test][q -w$(x)]["a b"@x.test]`},
		{"the null sender has a name", "", "", []string{plus}, []string{"${sender}"}, "[MAILER-DAEMON]"},
		{"which may be empty", "null_sender=", "", []string{plus}, []string{"${sender}", "x"}, "[][x]"},
		{"or another", "null_sender=<>", "", []string{plus}, []string{"${sender}"}, "[<>]"},
		{"three forms and the dollar", "", "a@s.test", []string{plus}, []string{"$user", "$(user)", "${user}", "$$user", "$user.$$"},
			"[Us.Er][Us.Er][Us.Er][$user][Us.Er.$]"},
		{"braces kept a word together", "", "a@s.test", []string{plus}, []string{"a b ${user}"}, "[a b Us.Er]"},
		{"a word is repeated for each recipient", "", "a@s.test", []string{"a@m.test", "b+c@m.test"},
			[]string{"a", "${recipient}", "b", "${user}@${domain}", "${sender}", "${sender}${extension}"},
			"[a][a@m.test][b+c@m.test][b][a@m.test][b@m.test][a@s.test][a@s.test][a@s.testc]"},
		{"the domain too", "", "a@s.test", []string{"a@m.test", "b@m.test"}, []string{"${domain}", "${nexthop}"}, "[m.test][m.test][NextHop.Test]"},
		{"nothing is expanded twice", "", "${user}@s.test", []string{"$user@m.test"}, []string{"${sender}", "${recipient}"}, "[${user}@s.test][$user@m.test]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := newWorld(t).arguments(c.flags, c.words, request(message, c.sender, c.rcpts...)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestMailThatCameFromNoClientHasEmptyMacros(t *testing.T) {
	req := request(message, "a@s.test", "b@r.test")
	req.Entry.Origin.Client, req.Entry.Origin.Helo = netip.AddrPort{}, ""
	req.Recipients[0].Original = ""
	got := newWorld(t).arguments("", []string{"${client_address}", "${client_port}", "${client_helo}", "${original_recipient}"}, req)
	if got != "[][][][b@r.test]" {
		t.Errorf("got %s", got)
	}
}

func TestAddressesDoNotBecomeOptions(t *testing.T) {
	const refused = "553 5.1.3 an address that begins with a minus sign cannot be handed to this command"
	w := newWorld(t)
	for _, c := range []struct {
		name, argv, sender, rcpt string
		delivered                bool
	}{
		{"a recipient", "${recipient}", "a@s.test", "-x@r.test", false},
		{"a quoted one", "${recipient}", "a@s.test", `"-x y"@r.test`, false},
		{"an extension", "${extension}", "a@s.test", "a+-x@r.test", false},
		{"a sender", "-f ${sender} ${recipient}", "-x@s.test", "a@r.test", false},
		{"behind an option's letter", "-f${sender}", "-x@s.test", "a@r.test", true},
		{"behind two dashes", "-a -- ${recipient}", "a@s.test", "-x@r.test", true},
		{"where no macro has it", "-a x", "a@s.test", "-x@r.test", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.agent("user=" + self(t) + " argv=" + w.script("ok", "#!/bin/sh\nexit 0\n") + " " + c.argv)
			r := deliver(t, a, request(message, c.sender, c.rcpt))[0]
			if c.delivered {
				want(t, r, queue.Sent, "250 2.0.0 delivered via prog service")
				return
			}
			want(t, r, queue.Bounced, refused)
		})
	}
	a := w.agent("user=" + self(t) + " argv=" + w.script("show", show) + " ${recipient}")
	rs := deliver(t, a, request(message, "a@s.test", "a@r.test", "-x@r.test", "b@r.test"))
	want(t, rs[0], queue.Sent, "250 2.0.0 delivered via prog service ([a@r.test][b@r.test])")
	want(t, rs[1], queue.Bounced, refused)
	want(t, rs[2], queue.Sent, "250 2.0.0 delivered via prog service ([a@r.test][b@r.test])")
}

package rewrite_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/rewrite"
)

var ctx = context.Background()

// entries makes tables of "key=value" words; "fail" is a table that cannot be asked.
func entries(t testing.TB, tables ...string) table.Maps {
	t.Helper()
	var m table.Maps
	for _, text := range tables {
		if text == "fail" {
			tb, err := table.Open("fail:x", table.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m = append(m, tb)
			continue
		}
		var b strings.Builder
		for _, line := range strings.Split(text, "\n") {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				b.WriteString(key + "\t" + value + "\n")
			}
		}
		tb, err := table.ParseText("test", []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		m = append(m, tb)
	}
	return m
}

func domains(t testing.TB, words string) rewrite.Domains {
	t.Helper()
	items, err := list.Items(words, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := domainlist.New(items, domainlist.None, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// world is a site: here.test is its own domain, origin.test its myorigin.
func world(t testing.TB, change func(*rewrite.Options)) *rewrite.Rewriter {
	t.Helper()
	o := rewrite.Options{
		Origin: "origin.test", Domain: "parent.test", AppendDotMyDomain: true, SwapBangpath: true, PercentHack: true,
		Dequoted: true, EmptyRecipient: "MAILER-DAEMON", Delimiter: "+", Hostname: "mx.here.test",
		Local: domains(t, "here.test"), VirtualAlias: domains(t, "alias.test"),
		VirtualMailbox: domains(t, "box.test"), Relay: domains(t, "relay.test"),
		LocalTransport: "local:mx.here.test", VirtualTransport: "virtual", RelayTransport: "relay", DefaultTransport: "smtp",
		OwnAddress: func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.1") },
		Maps: rewrite.Maps{PropagateCanonical: true, PropagateVirtual: true, RecursionLimit: 1000, ExpansionLimit: 1000, LengthLimit: 1000,
			MasqueradeClasses: rewrite.EnvelopeSender | rewrite.HeaderSender | rewrite.HeaderRecipient},
		Routes: rewrite.Routes{RelocatedPrefix: true, ParentStyle: true, NullRelayHostKey: "<>", NullTransportKey: "<>"},
	}
	if change != nil {
		change(&o)
	}
	return rewrite.New(o)
}

const everywhere = rewrite.EnvelopeSender | rewrite.EnvelopeRecipient | rewrite.HeaderSender | rewrite.HeaderRecipient

// Row I15: standard form, then canonical (the kind's own map first), masquerading, virtual
// aliases, transport, relocated.
func TestOrderOfOperations(t *testing.T) {
	r := world(t, func(o *rewrite.Options) {
		o.Maps.RecipientCanonical = rewrite.ClassMaps{Maps: entries(t, "one@origin.test=two@x.test"), Classes: rewrite.EnvelopeRecipient}
		o.Maps.Canonical = rewrite.ClassMaps{Maps: entries(t, "two@x.test=three@host.masq.test\none@origin.test=wrong@x.test"), Classes: everywhere}
		o.Maps.MasqueradeDomains = []string{"masq.test"}
		o.Maps.MasqueradeClasses |= rewrite.EnvelopeRecipient
		o.Maps.VirtualAlias = entries(t, "three@masq.test=four@relay.test\nthree@host.masq.test=wrong@x.test")
		o.Routes.Transport = entries(t, "four@relay.test=slow:[hop.test]\nthree@masq.test=wrong:")
		o.Routes.Relocated = entries(t, "gone@relay.test=elsewhere@x.test")
	})
	standard := r.Standard("one")
	address, err := r.Recipient(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	aliases, err := r.Aliases(ctx, address)
	if err != nil || len(aliases) != 1 {
		t.Fatalf("got %q, %v", aliases, err)
	}
	d, err := r.Destination(ctx, "sender@x.test", aliases[0])
	if err != nil {
		t.Fatal(err)
	}
	gone, err := r.Destination(ctx, "", "gone@relay.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ name, got, want string }{
		{"standard form comes first", standard, "one@origin.test"},
		{"recipient_canonical_maps, canonical_maps, masquerading follow", address, "three@masq.test"},
		{"virtual aliases see the masqueraded address", aliases[0], "four@relay.test"},
		{"transport_maps see the alias", d.Transport + ":" + d.Nexthop, "slow:[hop.test]"},
		{"relocated_maps come last", gone.Transport + ":" + gone.Nexthop, "error:5.1.6 User has moved to elsewhere@x.test"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.got != step.want {
				t.Fatalf("got %q, want %q", step.got, step.want)
			}
		})
	}
}

func TestAliases(t *testing.T) {
	for _, c := range []struct{ name, maps, to, want string }{
		{"an address without alias stays", "", "a@x.test", "a@x.test"},
		{"a chain is followed", "a@x.test=b@x.test\nb@x.test=c@x.test", "a@x.test", "c@x.test"},
		{"an alias has several addresses, each followed", "a@x.test=b@x.test, c@x.test\nc@x.test=d@x.test e@x.test", "a@x.test", "b@x.test d@x.test e@x.test"},
		{"an alias that names itself is kept", "a@x.test=a@x.test, b@x.test", "a@x.test", "a@x.test b@x.test"},
		{"a bare result gets myorigin", "a@x.test=bob", "a@x.test", "bob@origin.test"},
		{"a bare key matches myorigin", "bob=c@x.test", "bob@origin.test", "c@x.test"},
		{"a bare key matches mydestination", "bob=c@x.test", "bob@here.test", "c@x.test"},
		{"a bare key matches an own address", "bob=c@x.test", "bob@[192.0.2.1]", "c@x.test"},
		{"a bare key does not match another domain", "bob=c@x.test", "bob@alias.test", "bob@alias.test"},
		{"@domain comes last", "@x.test=all@y.test\na@x.test=one@y.test", "a@x.test", "one@y.test"},
		{"@domain takes the rest", "@x.test=all@y.test\na@x.test=one@y.test", "b@x.test", "all@y.test"},
		{"@domain as a result keeps the user", "@x.test=@y.test", "b@x.test", "b@y.test"},
		{"@domain keeps user and extension", "@x.test=@y.test", "b+z@x.test", "b+z@y.test"},
		{"the extension does not go to the result of @domain", "@x.test=all@y.test", "b+z@x.test", "all@y.test"},
		{"only the first result keeps the user", "@x.test=@y.test, c@z.test", "b@x.test", "b@y.test c@z.test"},
		{"the extension goes to the result", "a@x.test=b@y.test", "a+ext@x.test", "b+ext@y.test"},
		{"an address with extension matches first", "a+ext@x.test=c@y.test\na@x.test=b@y.test", "a+ext@x.test", "c@y.test"},
		{"user+ext comes before user", "a+ext=c@y.test\na=b@y.test", "a+ext@here.test", "c@y.test"},
		{"phrases and comments are passed over", "a@x.test=Joe Q <b@y.test> (home), c@y.test (work)", "a@x.test", "b@y.test c@y.test"},
		{"keys match in any case", "a@x.test=b@y.test", "A@X.test", "b@y.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := world(t, func(o *rewrite.Options) { o.Maps.VirtualAlias = entries(t, c.maps) })
			got, err := r.Aliases(ctx, c.to)
			if err != nil || strings.Join(got, " ") != c.want {
				t.Fatalf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestAKeyIsTriedInAllTablesFirst(t *testing.T) {
	r := world(t, func(o *rewrite.Options) {
		o.Maps.VirtualAlias = entries(t, "@x.test=domain@y.test", "a@x.test=address@y.test")
	})
	if got, err := r.Aliases(ctx, "a@x.test"); err != nil || got[0] != "address@y.test" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestAliasesThatCannotBeTrusted(t *testing.T) {
	for _, c := range []struct{ name, maps, code, rule string }{
		{"a loop", "a@x.test=b@x.test\nb@x.test=a@x.test", "4.6.0", "virtual_alias_maps"},
		{"an alias with too many addresses", "a@x.test=" + strings.Repeat("b@y.test, ", 1001), "4.6.0", "virtual_alias_maps"},
		{"a result that is too long", "a@x.test=" + strings.Repeat("y", 1001) + "@x.test", "4.6.0", "virtual_alias_maps"},
		{"a table that fails", "fail", "4.3.0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := world(t, func(o *rewrite.Options) { o.Maps.VirtualAlias = entries(t, c.maps) })
			_, err := r.Aliases(ctx, "a@x.test")
			e := status.From(err)
			if e == nil || e.Reply.Code != 451 || e.Reply.Enhanced != c.code || e.Rule != c.rule || e.Cause == nil {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestCanonical(t *testing.T) {
	r := world(t, func(o *rewrite.Options) {
		o.Maps.Canonical = rewrite.ClassMaps{Classes: rewrite.EnvelopeSender | rewrite.HeaderSender,
			Maps: entries(t, "a@x.test=b@x.test\nb@x.test=c@x.test\nself@x.test=self@x.test\nl1@x.test=l2@x.test\nl2@x.test=l1@x.test\nmany@x.test=m1@x.test, m2@x.test")}
	})
	for in, want := range map[string]string{"a@x.test": "c@x.test", "a+e@x.test": "c+e@x.test", "self@x.test": "self@x.test",
		"many@x.test": "m1@x.test", "": "", "n@x.test": "n@x.test"} {
		if got, err := r.Sender(ctx, in); err != nil || got != want {
			t.Errorf("Sender(%q): got %q, %v; want %q", in, got, err, want)
		}
	}
	if got, err := r.Recipient(ctx, "a@x.test"); err != nil || got != "a@x.test" {
		t.Errorf("a class that is not asked for was rewritten: %q, %v", got, err)
	}
	if _, err := r.Sender(ctx, "l1@x.test"); status.From(err) == nil || status.From(err).Rule != "canonical_maps" {
		t.Errorf("a loop: got %v", err)
	}
}

func TestMasquerade(t *testing.T) {
	for _, c := range []struct{ name, list, exceptions, in, want string }{
		{"a host is hidden", "cs.test", "", "u@h.cs.test", "u@cs.test"},
		{"the domain itself is left alone", "cs.test", "", "u@cs.test", "u@cs.test"},
		{"an exclamation mark keeps a domain", "!keep.cs.test cs.test", "", "u@keep.cs.test", "u@keep.cs.test"},
		{"and what is below it", "!keep.cs.test cs.test", "", "u@h.keep.cs.test", "u@h.keep.cs.test"},
		{"the first match decides", "cs.test !keep.cs.test", "", "u@h.keep.cs.test", "u@cs.test"},
		{"case does not matter", "CS.test", "", "u@h.Cs.Test", "u@cs.test"},
		{"users are excepted", "cs.test", "root admin", "Root@h.cs.test", "Root@h.cs.test"},
		{"a name that only ends alike is not below", "cs.test", "", "u@xcs.test", "u@xcs.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := world(t, func(o *rewrite.Options) {
				o.Maps.MasqueradeDomains = strings.Fields(c.list)
				if c.exceptions != "" {
					o.Maps.MasqueradeExceptions = domains(t, c.exceptions)
				}
			})
			if got, err := r.Sender(ctx, c.in); err != nil || got != c.want {
				t.Fatalf("got %q, %v; want %q", got, err, c.want)
			}
			if got, err := r.Recipient(ctx, c.in); err != nil || got != c.in {
				t.Fatalf("the envelope recipient was rewritten: %q, %v", got, err)
			}
		})
	}
}

// Row I06: a table of exceptions that cannot be asked is no answer.
func TestMasqueradeExceptionsThatCannotBeAsked(t *testing.T) {
	l, err := domainlist.New([]list.Item{{Text: "fail:x"}}, domainlist.None, func(spec string) (domainlist.Table, error) {
		return table.Open(spec, table.Options{})
	})
	if err != nil {
		t.Fatal(err)
	}
	r := world(t, func(o *rewrite.Options) {
		o.Maps.MasqueradeDomains, o.Maps.MasqueradeExceptions = []string{"cs.test"}, l
	})
	if got, err := r.Sender(ctx, "u@h.cs.test"); status.From(err) == nil || status.From(err).Reply.Code != 451 {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestStandardForm(t *testing.T) {
	r := world(t, nil)
	for in, want := range map[string]string{
		"": "", "u": "u@origin.test", "u@h": "u@h.parent.test", "u@h.x.test.": "u@h.x.test", "u@[192.0.2.9]": "u@[192.0.2.9]",
		"site!u": "u@site.parent.test", "a.test!b.test!u": "b.test!u@a.test", "u%x.test": "u@x.test", "u%x%y.test": "u%x@y.test",
		`"a!b"`: `"a!b"@origin.test`, "u!v@x.test": "u!v@x.test", "u@x..": "u@x..",
	} {
		if got := r.Standard(in); got != want {
			t.Errorf("Standard(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestDestination(t *testing.T) {
	transport := "u+e@t.test=e:1\nu@t.test=a:1\nt.test=d:\nsub.t.test=:[only.test]\nkeep.test=:\nplain.test=uucp\nno.test=error:no mail accepted\n*=rest:[hub]"
	for _, c := range []struct{ name, sender, to, maps, want string }{
		{"a local user", "", "u@here.test", "", "local:mx.here.test u@here.test"},
		{"an own address", "", "u@[192.0.2.1]", "", "local:mx.here.test u@[192.0.2.1]"},
		{"a virtual mailbox", "", "u@box.test", "", "virtual:box.test u@box.test"},
		{"a relay domain", "", "u@relay.test", "", "relay:relay.test u@relay.test"},
		{"another domain", "", "u@Else.test", "", "smtp:else.test u@Else.test"},
		{"an address of an alias domain that is no alias", "", "u@alias.test", "", "error:5.1.1 User unknown in virtual alias table u@alias.test"},
		{"transport: the address with extension", "", "u+e@t.test", transport, "e:1 u+e@t.test"},
		{"transport: the address without extension", "", "u+f@t.test", transport, "a:1 u+f@t.test"},
		{"transport: the domain resets the nexthop", "", "v@t.test", transport, "d:t.test v@t.test"},
		{"transport: a domain above", "", "v@h.t.test", transport, "d:h.t.test v@h.t.test"},
		{"transport: an empty transport keeps it", "", "v@sub.t.test", transport, "smtp:[only.test] v@sub.t.test"},
		{"transport: a colon changes nothing", "", "v@keep.test", transport, "smtp:keep.test v@keep.test"},
		{"transport: without colon", "", "v@plain.test", transport, "uucp:plain.test v@plain.test"},
		{"transport: error", "", "v@no.test", transport, "error:no mail accepted v@no.test"},
		{"transport: everything else", "", "v@z.test", transport, "rest:[hub] v@z.test"},
		{"transport: beats the class", "", "v@here.test", transport, "rest:[hub] v@here.test"},
		{"a route over this machine is followed", "", "u%far.test@here.test", "", "smtp:far.test u@far.test"},
		{"a UUCP route over this machine is followed", "", "far.test!u@here.test", "", "smtp:far.test u@far.test"},
		{"a quoted route over this machine is followed", "", `"u@far.test"@here.test`, "", "smtp:far.test u@far.test"},
		{"a route back to this machine is local", "", "u%here.test@here.test", "", "local:mx.here.test u@here.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := world(t, func(o *rewrite.Options) { o.Routes.Transport = entries(t, c.maps) })
			d, err := r.Destination(ctx, c.sender, c.to)
			if got := d.Transport + ":" + d.Nexthop + " " + d.Recipient; err != nil || got != c.want {
				t.Fatalf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestTheSenderDecidesTheRoute(t *testing.T) {
	r := world(t, func(o *rewrite.Options) {
		o.RelayHost = "[hub.test]"
		o.Routes.SenderRelayHost = entries(t, "a@s.test=[one.test]\n@d.test=[two.test]\nd@s.test=DUNNO\n<>=[null.test]")
		o.Routes.SenderTransport = entries(t, "t@s.test=slow\nh@s.test=slow:[three.test]")
	})
	for sender, want := range map[string]string{
		"a@s.test": "smtp:[one.test]", "a+x@s.test": "smtp:[one.test]", "b@d.test": "smtp:[two.test]", "d@s.test": "smtp:far.test",
		"": "smtp:[null.test]", "z@s.test": "smtp:[hub.test]", "t@s.test": "slow:[hub.test]", "h@s.test": "slow:[three.test]",
	} {
		d, err := r.Destination(ctx, sender, "u@far.test")
		if got := d.Transport + ":" + d.Nexthop; err != nil || got != want {
			t.Errorf("sender %q: got %q, %v; want %q", sender, got, err, want)
		}
	}
}

func TestRelocated(t *testing.T) {
	r := world(t, func(o *rewrite.Options) {
		o.Routes.Relocated = entries(t, "a@x.test=b@y.test\nbob=12 High Street\n@gone.test=the moon")
	})
	for to, want := range map[string]string{"a+e@x.test": "b@y.test", "bob@here.test": "12 High Street", "any@gone.test": "the moon", "bob@z.test": ""} {
		d, err := r.Destination(ctx, "", to)
		if moved := d.Nexthop == "5.1.6 User has moved to "+want; err != nil || moved != (want != "") {
			t.Errorf("%s: got %q, %v; want %q", to, d.Nexthop, err, want)
		}
	}
}

func TestHeader(t *testing.T) {
	r := world(t, func(o *rewrite.Options) {
		o.Maps.Canonical = rewrite.ClassMaps{Maps: entries(t, "joe@x.test=j.q@y.test"), Classes: everywhere}
	})
	for _, c := range []struct{ name, in, want string }{
		{"an address is completed", "From: joe\r\n", "From: joe@origin.test\r\n"},
		{"a domain is completed", "To: a@h, b@k.test\r\n", "To: a@h.parent.test, b@k.test\r\n"},
		{"only the bytes of the address change", "From:  \"Joe, Q\" (x) <joe@x.test> (y)\r\n", "From:  \"Joe, Q\" (x) <j.q@y.test> (y)\r\n"},
		{"folding stays", "Cc: joe@x.test,\r\n\tann@z.test,\r\n  joe@x.test\r\n", "Cc: j.q@y.test,\r\n\tann@z.test,\r\n  j.q@y.test\r\n"},
		{"a field that needs nothing stays byte for byte", "to : \tA  <a@b.test>\r\n", "to : \tA  <a@b.test>\r\n"},
		{"a group keeps its name", "To: team: joe@x.test, a;\r\n", "To: team: j.q@y.test, a@origin.test;\r\n"},
		{"an empty group stays", "To: undisclosed-recipients:;\r\n", "To: undisclosed-recipients:;\r\n"},
		{"other fields stay", "Subject: joe@x.test\r\n", "Subject: joe@x.test\r\n"},
		{"a field that cannot be read stays", "From: \"joe <joe@x.test>\r\n", "From: \"joe <joe@x.test>\r\n"},
		{"a quoted local part stays quoted", "From: \"a b\"@h\r\n", "From: \"a b\"@h.parent.test\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := mail.ParseHeader([]byte(c.in))
			if err := r.Header(ctx, h, rewrite.HeaderContext{Local: true}); err != nil || string(h.Bytes()) != c.want {
				t.Fatalf("got %q, %v; want %q", h.Bytes(), err, c.want)
			}
			remote := mail.ParseHeader([]byte(c.in))
			if err := r.Header(ctx, remote, rewrite.HeaderContext{}); err != nil || string(remote.Bytes()) != c.in {
				t.Fatalf("mail from elsewhere was changed: %q, %v", remote.Bytes(), err)
			}
		})
	}
}

func TestRemoteHeaderRewriteDomain(t *testing.T) {
	h := mail.ParseHeader([]byte("From: joe\r\nTo: a@b\r\n"))
	if err := world(t, nil).Header(ctx, h, rewrite.HeaderContext{Domain: "invalid.test"}); err != nil {
		t.Fatal(err)
	}
	if want := "From: joe@invalid.test\r\nTo: a@b.invalid.test\r\n"; string(h.Bytes()) != want {
		t.Fatalf("got %q, want %q", h.Bytes(), want)
	}
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{"joe", "\"a b\" <joe@x>, (c) d@e", "g: a, b;", "<@a,@b:c@d>", "a@", "\"", "(", "<", "a\\ b@c", "[1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "\r\n") {
			return
		}
		r := world(t, nil)
		h := mail.ParseHeader([]byte("From: " + s + "\r\n"))
		if err := r.Header(ctx, h, rewrite.HeaderContext{Local: true}); err != nil {
			t.Fatal(err)
		}
		once := string(h.Bytes())
		if h.Len() != 1 || !strings.HasPrefix(once, "From:") || !strings.HasSuffix(once, "\r\n") {
			t.Fatalf("%q became %q", s, once)
		}
	})
}

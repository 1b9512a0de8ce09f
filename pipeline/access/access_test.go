package access_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/netlist"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/rewrite"
)

// zone is a DNS of "name type" → records; "error" cannot be asked.
type zone map[string][]string

func (z zone) get(name, kind string) ([]string, error) {
	r, ok := z[name+" "+kind]
	switch {
	case !ok:
		return nil, dns.ErrNotFound
	case len(r) == 1 && r[0] == "error":
		return nil, errors.New("no answer")
	}
	return r, nil
}

func (z zone) MX(_ context.Context, domain string) (list []dns.MX, err error) {
	records, err := z.get(domain, "MX")
	for i, r := range records {
		if r == "." {
			return nil, dns.ErrNullMX
		}
		list = append(list, dns.MX{Host: r, Pref: uint16(i)})
	}
	return list, err
}

func (z zone) Addrs(_ context.Context, host string, _ dns.Family) (list []netip.Addr, err error) {
	records, err := z.get(host, "A")
	for _, r := range records {
		list = append(list, netip.MustParseAddr(r))
	}
	return list, err
}

func (z zone) Query(_ context.Context, name string, _ dns.Type) (dns.Answer, error) {
	records, err := z.get(name, "NS")
	return dns.Answer{Records: records}, err
}

func (z zone) TXT(_ context.Context, name string) ([]string, error) { return z.get(name, "TXT") }

func maps(t testing.TB, spec string) table.Maps {
	t.Helper()
	m, err := table.OpenMaps([]string{spec}, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// world is a site: here.test and alias.test are its own, 192.0.2.0/28 its network.
func world(t testing.TB) *access.World {
	t.Helper()
	items, _ := list.Items("192.0.2.0/28 trusted.test", nil)
	nets, err := netlist.New(items, domainlist.None, nil)
	if err != nil {
		t.Fatal(err)
	}
	domains := func(words string) rewrite.Domains {
		items, _ := list.Items(words, nil)
		l, err := domainlist.New(items, domainlist.None, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	aliases := maps(t, "inline:{ {a@alias.test = u@here.test} }")
	return &access.World{
		Networks: nets, Interfaces: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Delimiter: "+", SASL: true, ShowTable: true,
		Local: maps(t, "inline:{ {u = x} }"), Aliases: aliases, LocalCode: 550, VirtualAliasCode: 550,
		ClientCerts:  maps(t, "inline:{ {aa:02 = x} }"),
		SenderLogins: maps(t, "inline:{ {boss@here.test = alice, bob} }"),
		RBLDefault:   "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using $rbl_domain${rbl_reason?; $rbl_reason}",
		RBLReplies:   maps(t, "inline:{ {own.rbl = 521 4.7.9 go away $client_address} }"),
		Rewriter: rewrite.New(rewrite.Options{Origin: "here.test", Domain: "test", Local: domains("here.test"), VirtualAlias: domains("alias.test"),
			Delimiter: "+", PercentHack: true, SwapBangpath: true, LocalTransport: "local", DefaultTransport: "smtp",
			Routes: rewrite.Routes{Transport: maps(t, "inline:{ {no@here.test = error:5.7.9 not any more}, {wait@here.test = retry:later} }"), RelocatedPrefix: true,
				Relocated: maps(t, "inline:{ {gone@here.test = new@far.test} }")}}),
		Resolver: zone{
			"9.113.0.203.rbl.test A": {"127.0.0.4"}, "9.113.0.203.rbl.test TXT": {"seen spamming"},
			"9.113.0.203.own.rbl A": {"127.0.0.2"}, "9.113.0.203.down.test A": {"error"}, "9.113.0.203.wl.test A": {"127.0.10.1"},
			"bad.test.rhs.test A": {"127.0.0.2"}, "ok.test MX": {"mx.ok.test"}, "mx.ok.test A": {"198.51.100.7"}, "null.test MX": {"."},
			"slow.test MX": {"error"}, "noMX.test A": {"198.51.100.8"}, "ok.test NS": {"ns.dns.test."}, "ns.dns.test A": {"198.51.100.53"},
			"backup.test MX": {"mx.ok.test", "me.test"}, "me.test A": {"192.0.2.1"},
		},
	}
}

func TestRestrictions(t *testing.T) {
	stranger := mail.Origin{Client: netip.MustParseAddrPort("203.0.113.9:4711"), ClientName: "c.bad.test", ReverseName: "r.bad.test", Helo: "helo.bad.test", Proto: "ESMTP"}
	alice := stranger
	alice.SASLUser = "Alice"
	friend := stranger
	friend.ClientName = "trusted.test"
	shown, trusted := stranger, stranger
	shown.Certificate = &mail.Certificate{Subject: "c.test", Issuer: "ca.test", Print: "AA:01", KeyPrint: "AA:02"}
	trusted.Certificate = &mail.Certificate{Subject: "c.test", Issuer: "ca.test", Print: "AA:03", KeyPrint: "AA:04", Trusted: true}
	for _, c := range []struct {
		name, param, words string
		o                  mail.Origin
		from, to           string
		want               string // "permit", "dunno", or the reply
	}{
		{"mynetworks may list host names", "recipient", "permit_mynetworks", friend, "", "x@far.test", "permit"},
		{"a stranger may not relay", "relay", "permit_mynetworks reject_unauth_destination", stranger, "", "x@far.test", "554 5.7.1 <x@far.test>: Relay access denied"},
		{"a route over us is no way to relay", "relay", "reject_unauth_destination", stranger, "", "x%far.test@here.test", "554 5.7.1 <x%far.test@here.test>: Relay access denied"},
		{"reject names the subject of its list", "client", "reject", stranger, "s@bad.test", "u@here.test", "554 5.7.1 <c.bad.test[203.0.113.9]>: Client host rejected: Access denied"},
		{"reject in the sender list", "sender", "reject", stranger, "s@bad.test", "u@here.test", "554 5.7.1 <s@bad.test>: Sender address rejected: Access denied"},
		{"warn_if_reject only warns", "sender", "warn_if_reject reject permit", stranger, "s@bad.test", "u@here.test", "permit"},
		{"an unknown restriction is an error", "sender", "permti", stranger, "s@bad.test", "u@here.test", "451 4.3.5 Server configuration error"},
		{"a restriction class", "sender", "strict permit", stranger, "s@bad.test", "u@here.test", "554 5.7.1 <s@bad.test>: Sender address rejected: Access denied"},
		{"certificates: none", "relay", "permit_tls_clientcerts permit_tls_all_clientcerts", stranger, "", "x@far.test", "dunno"},
		{"certificates: listed by its key", "relay", "permit_tls_clientcerts", shown, "", "x@far.test", "permit"},
		{"certificates: trusted, but not listed", "relay", "permit_tls_clientcerts", trusted, "", "x@far.test", "dunno"},
		{"certificates: all that are trusted", "relay", "permit_tls_all_clientcerts", trusted, "", "x@far.test", "permit"},
		{"access: a certificate by its fingerprint", "client", "check_ccert_access inline:{{aa:01=REJECT}}", shown, "", "", "554 5.7.1 <c.test>: Client certificate rejected: Access denied"},
		{"access: a certificate by its key", "client", "check_ccert_access inline:{{aa:02=OK}}", shown, "", "", "permit"},
		{"access: the order of a search", "client", "check_ccert_access {inline:{{aa:01=REJECT},{aa:02=OK}} {search_order = pubkey_fingerprint, cert_fingerprint}}", shown, "", "", "permit"},
		{"access: a part of a search", "client", "check_ccert_access {inline:{{aa:01=REJECT}} {search_order = pubkey_fingerprint}}", shown, "", "", "dunno"},
		{"access: a name in a trusted certificate", "client", "check_ccert_access {inline:{{ca.test=OK}} {search_order = subject_cn issuer_cn}}", trusted, "", "", "permit"},
		{"access: names in other certificates do not count", "client", "check_ccert_access {inline:{{ca.test=OK}} {search_order = subject_cn issuer_cn}}", shown, "", "", "dunno"},
		{"access: no certificate", "client", "check_ccert_access static:REJECT", stranger, "", "", "dunno"},
		{"access: a failing table of certificates is temporary", "client", "check_ccert_access fail:x", shown, "", "", "451 4.3.5 <c.test>: Client certificate rejected: Server configuration error"},
		{"access: the client by name", "client", "check_client_access inline:{{c.bad.test=REJECT}}", stranger, "", "", "554 5.7.1 <c.bad.test[203.0.113.9]>: Client host rejected: Access denied"},
		{"access: the client by parent domain", "client", "check_client_access inline:{{bad.test=OK}}", stranger, "", "", "permit"},
		{"access: the client by network", "client", "check_client_access inline:{{203.0=521 5.9.9 no thanks}}", stranger, "", "", "521 5.9.9 <c.bad.test[203.0.113.9]>: Client host rejected: no thanks"},
		{"access: a reverse name may not permit", "client", "check_reverse_client_hostname_access inline:{{r.bad.test=OK}}", stranger, "", "", "dunno"},
		{"access: helo", "helo", "check_helo_access inline:{{bad.test=DEFER not now}}", stranger, "", "", "450 4.7.1 <helo.bad.test>: Helo command rejected: not now"},
		{"access: a sender with extension", "sender", "check_sender_access inline:{{s@bad.test=450 4.1.1 busy}}", stranger, "s+x@bad.test", "", "450 4.1.1 <s+x@bad.test>: Sender address rejected: busy"},
		{"access: a sender's user name", "sender", "check_sender_access inline:{{s@=REJECT spam}}", stranger, "s@bad.test", "", "554 5.7.1 <s@bad.test>: Sender address rejected: spam"},
		{"access: the domain comes before the user name", "sender", "check_sender_access inline:{{s@=REJECT},{bad.test=OK}}", stranger, "s@bad.test", "", "permit"},
		{"access: the null sender", "sender", "check_sender_access inline:{{<>=REJECT}}", stranger, "", "", "554 5.7.1 <>: Sender address rejected: Access denied"},
		{"access: a table alone", "recipient", "inline:{{u@here.test=OK}}", stranger, "", "u@here.test", "permit"},
		{"access: numbers alone are OK", "recipient", "check_recipient_access inline:{{u@here.test=1234567}}", stranger, "", "u@here.test", "permit"},
		{"access: restrictions as a result", "recipient", "check_recipient_access inline:{{u@here.test=permit_mynetworks, reject}}", stranger, "", "u@here.test", "554 5.7.1 <u@here.test>: Recipient address rejected: Access denied"},
		{"access: DUNNO goes on", "recipient", "check_recipient_access inline:{{u@here.test=DUNNO}} permit", stranger, "", "u@here.test", "permit"},
		{"access: a failing table is temporary", "recipient", "check_recipient_access fail:x permit", stranger, "", "u@here.test", "451 4.3.5 <u@here.test>: Recipient address rejected: Server configuration error"},
		{"access: the sender's MX", "sender", "check_sender_mx_access inline:{{198.51.100=REJECT bad MX}}", stranger, "s@ok.test", "", "554 5.7.1 <s@ok.test>: Sender address rejected: bad MX"},
		{"access: the sender's name server", "sender", "check_sender_ns_access inline:{{dns.test=REJECT bad NS}}", stranger, "s@sub.ok.test", "", "554 5.7.1 <s@sub.ok.test>: Sender address rejected: bad NS"},
		{"access: an MX may not permit", "sender", "check_sender_mx_access inline:{{mx.ok.test=OK}}", stranger, "s@ok.test", "", "dunno"},
		{"access: DEFER_IF_PERMIT waits for the end", "recipient", "check_recipient_access inline:{{u@here.test=DEFER_IF_PERMIT hm}} permit", stranger, "", "u@here.test", "450 4.7.1 <u@here.test>: Recipient address rejected: hm"},
		{"access: DEFER_IF_PERMIT does not soften a reject", "recipient", "check_recipient_access inline:{{u@here.test=DEFER_IF_PERMIT hm}} reject", stranger, "", "u@here.test", "554 5.7.1 <u@here.test>: Recipient address rejected: Access denied"},
		{"access: DEFER_IF_REJECT softens a reject", "recipient", "check_recipient_access inline:{{u@here.test=DEFER_IF_REJECT}} reject", stranger, "", "u@here.test", "450 4.7.1 <u@here.test>: Recipient address rejected: Service unavailable"},
		{"rbl: a listed client", "client", "reject_rbl_client rbl.test", stranger, "", "", "554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using rbl.test; seen spamming"},
		{"rbl: the filter does not match", "client", "reject_rbl_client rbl.test=127.0.0.[1..3;5]", stranger, "", "", "dunno"},
		{"rbl: the filter matches", "client", "reject_rbl_client rbl.test=127.0.[0..1].[1;4]", stranger, "", "", "554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using rbl.test; seen spamming"},
		{"rbl: a reply of its own", "client", "reject_rbl_client own.rbl", stranger, "", "", "521 5.7.9 go away 203.0.113.9"},
		{"rbl: a list that is down lists nobody", "client", "reject_rbl_client down.test", stranger, "", "", "dunno"},
		{"rhsbl: a sender", "sender", "reject_rhsbl_sender rhs.test", stranger, "s@bad.test", "", "554 5.7.1 Service unavailable; Sender address [s@bad.test] blocked using rhs.test"},
		{"dnswl: permits", "recipient", "permit_dnswl_client wl.test=127.0.[0..255].[1..3] reject", stranger, "", "u@here.test", "permit"},
		{"dnswl: does not permit to relay", "recipient", "permit_dnswl_client wl.test reject_unauth_destination", stranger, "", "x@far.test", "554 5.7.1 <x@far.test>: Relay access denied"},
		{"dnswl: that is down softens a reject", "recipient", "permit_dnswl_client down.test reject", stranger, "", "u@here.test", "450 4.7.1 <u@here.test>: Recipient address rejected: Service unavailable"},
		{"an unknown sender domain", "sender", "reject_unknown_sender_domain", stranger, "s@nowhere.test", "", "450 4.1.8 <s@nowhere.test>: Sender address rejected: Domain not found"},
		{"a sender domain that takes no mail", "sender", "reject_unknown_sender_domain", stranger, "s@null.test", "", "550 5.7.27 <s@null.test>: Sender address rejected: Domain null.test does not accept mail (nullMX)"},
		{"a DNS failure defers what is permitted", "sender", "reject_unknown_sender_domain", stranger, "s@slow.test", "", "450 4.1.8 <s@slow.test>: Sender address rejected: Domain not found"},
		{"a DNS failure does not soften a reject", "sender", "reject_unknown_sender_domain reject", stranger, "s@slow.test", "", "554 5.7.1 <s@slow.test>: Sender address rejected: Access denied"},
		{"login: not logged in", "sender", "reject_sender_login_mismatch", stranger, "boss@here.test", "", "553 5.7.1 <boss@here.test>: Sender address rejected: not logged in"},
		{"login: the owner", "sender", "reject_sender_login_mismatch", alice, "boss@here.test", "", "dunno"},
		{"login: somebody else's address", "sender", "reject_sender_login_mismatch", alice, "u@here.test", "", "553 5.7.1 <u@here.test>: Sender address rejected: not owned by user Alice"},
		{"login: known leaves free addresses", "sender", "reject_known_sender_login_mismatch", alice, "u@here.test", "", "dunno"},
		{"login: the extension does not matter", "sender", "reject_unauthenticated_sender_login_mismatch", stranger, "boss+x@here.test", "", "553 5.7.1 <boss+x@here.test>: Sender address rejected: not logged in"},
		{"unlisted: a local user", "recipient", "reject_unlisted_recipient", stranger, "", "v@here.test", "550 5.1.1 <v@here.test>: Recipient address rejected: User unknown in local recipient table"},
		{"unlisted: an alias domain", "recipient", "reject_unlisted_recipient", stranger, "", "v@alias.test", "550 5.1.1 <v@alias.test>: Recipient address rejected: User unknown in virtual alias table"},
		{"unlisted: an alias is listed", "recipient", "reject_unlisted_recipient", stranger, "", "a+x@alias.test", "dunno"},
		{"unlisted: error in transport_maps", "recipient", "reject_unlisted_recipient", stranger, "", "no@here.test", "550 5.7.9 <no@here.test>: Recipient address rejected: not any more"},
		{"unlisted: retry in transport_maps", "recipient", "reject_unlisted_recipient", stranger, "", "wait@here.test", "450 4.1.1 <wait@here.test>: Recipient address rejected: later"},
		{"unlisted: a user who has moved", "recipient", "reject_unlisted_recipient", stranger, "", "gone@here.test", "550 5.1.6 <gone@here.test>: Recipient address rejected: User has moved to new@far.test"},
		{"unlisted: a sender", "sender", "reject_unlisted_sender", stranger, "v@here.test", "", "550 5.1.0 <v@here.test>: Sender address rejected: User unknown in local recipient table"},
		{"permit_mx_backup: we are a mail exchanger", "recipient", "permit_mx_backup reject", stranger, "", "x@backup.test", "permit"},
		{"permit_mx_backup: we are none", "recipient", "permit_mx_backup reject_unauth_destination", stranger, "", "x@ok.test", "554 5.7.1 <x@ok.test>: Relay access denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &access.Compiler{Parents: true, Classes: map[string][]string{"strict": {"permit_mynetworks", "reject"}},
				Open: func(spec string) (access.Table, error) { return table.Open(spec, table.Options{}) }}
			l, _ := k.Compile("smtpd_"+c.param+"_restrictions", list.Split(c.words))
			q := &access.Query{Origin: &c.o, Sender: c.from, HasSender: true, Recipient: c.to, HasRecipient: c.to != "", State: "RCPT"}
			codes := access.DefaultCodes()
			d, e := l.Eval(context.Background(), world(t), &codes, q, func(*status.Error) {})
			got := [...]string{"dunno", "permit", ""}[d]
			if e == nil {
				e = q.Final()
			}
			if e != nil {
				got = e.Reply.String()
				if e.Rule == "" && !strings.HasPrefix(got, "450") {
					t.Errorf("the refusal does not say what decided: %v", e)
				}
			}
			if got != c.want {
				t.Fatalf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestActionsChangeTheMessage(t *testing.T) {
	k := &access.Compiler{Open: func(spec string) (access.Table, error) { return table.Open(spec, table.Options{}) }}
	words := "check_sender_access static:{HOLD look} check_sender_access static:{FILTER smtp:[f.test]} check_sender_access static:{PREPEND X-A: b}" +
		" check_sender_access static:{REDIRECT r@x.test} check_sender_access static:{BCC b@x.test} check_sender_access static:{WARN hm} check_sender_access static:{PREPEND no header}" +
		" check_sender_access static:{DISCARD} reject"
	l, unknown := k.Compile("smtpd_sender_restrictions", list.Split(words))
	if len(unknown) > 0 {
		t.Fatal(unknown)
	}
	var notes []string
	o := mail.Origin{Client: netip.MustParseAddrPort("203.0.113.9:1"), ClientName: "unknown"}
	q := &access.Query{Origin: &o, Sender: "s@x.test", HasSender: true, Effects: &access.Effects{},
		Note: func(action, text string) { notes = append(notes, action+" "+text) }}
	codes := access.DefaultCodes()
	d, e := l.Eval(context.Background(), world(t), &codes, q, nil)
	f := q.Effects
	if d != access.Permit || e != nil || !f.Hold || !f.Discard || f.Filter != "smtp:[f.test]" || f.Redirect != "r@x.test" ||
		strings.Join(f.BCC, ",") != "b@x.test" || strings.Join(f.Prepend, ",") != "X-A: b" {
		t.Fatalf("got %v, %v, %+v", d, e, f)
	}
	if len(notes) != 8 || notes[0] != "hold <s@x.test>: Sender address triggers HOLD look" || !strings.HasPrefix(notes[6], "warning ") {
		t.Fatalf("got %q", notes)
	}
}

func TestWhatCannotBeAskedIsReported(t *testing.T) {
	k := &access.Compiler{Anonymous: true, Open: func(spec string) (access.Table, error) { return table.Open(spec, table.Options{}) }}
	for _, words := range []string{"check_sender_access", "check_sender_access hash:/nonexistent", "reject_rbl_client x.test=1.2.3", "reject_rbl_client x.test=1.2.3.[4",
		"nosuch", "sleep x", "permit_tls_clientcerts", "check_ccert_access inline:{}", "check_ccert_access", "check_ccert_access {inline:{} {search_order = nosuch}}"} {
		if _, unknown := k.Compile("smtpd_sender_restrictions", list.Split(words)); len(unknown) != 1 || unknown[0].Error() == "" {
			t.Errorf("%s: got %v", words, unknown)
		}
	}
}

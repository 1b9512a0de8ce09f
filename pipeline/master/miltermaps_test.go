package master_test

import (
	"net"
	"strings"
	"testing"
)

// from is hello from another address of this machine.
func (d *daemon) from(address string) *client {
	d.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	conn, err := dialer.Dial("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	return &client{t: d.t, c: conn, r: newReader(conn)}
}

func TestATableSaysWhichMiltersAClientMeets(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t)
	table := d.write("milters", "127.0.0.2 DISABLE\n127.0.0.3 "+newTagger(t, "three")+", "+newTagger(t, "four")+"\n127.0.0.4 nonsense\n")
	d.configure("relayhost = "+s.nexthop(), "smtpd_milters = "+newTagger(t, "usual"), "smtpd_milter_maps = cidr:"+table)
	d.run()
	for i, c := range []struct{ client, want string }{{"127.0.0.1", "usual"}, {"127.0.0.2", ""}, {"127.0.0.3", "three four"}, {"127.0.0.3", "three four"}} {
		k := d.from(c.client)
		k.expect("220")
		k.do("EHLO client.test", "250")
		k.mail("a@sender.test", "b@rcpt.test", []byte("Subject: x\r\n\r\nbody\r\n"))
		var met []string
		for line := range strings.SplitSeq(string(s.wait(t, i+1)[i].text), "\r\n") {
			if v, ok := strings.CutPrefix(line, "X-Milter: "); ok {
				met = append(met, strings.Fields(v)[0])
			}
		}
		if got := strings.Join(met, " "); got != c.want {
			t.Errorf("%s met %q, want %q", c.client, got, c.want)
		}
	}
	d.from("127.0.0.4").expect("421 4.3.0")
	d.log.wait(t, `smtpd_milter_maps: 127\.0\.0\.4: `)
}

func TestOurOwnNoticesAreLookedAtWhenTheyAreToBe(t *testing.T) {
	for _, classes := range []string{"", "bounce"} {
		s := newSink(t, refuse("550 5.1.1 no such user here"))
		d := startOwnDomain(t, []string{"alice"}, "relayhost = "+s.nexthop(), "internal_mail_filter_classes = "+classes,
			"header_checks = inline:{ { Subject: Undelivered Mail Returned to Sender = PREPEND X-Seen: 1 }, { subject: undelivered mail returned to sender = PREPEND X-Seen: 1 } }",
			"nested_header_checks =", "mime_header_checks =")
		d.post("alice@example.test", "ghost@elsewhere.test", []byte("Subject: x\r\n\r\nbody\r\n"))
		d.log.wait(t, `to=<alice@example\.test>, relay=virtual, .*status=sent`)
		if box := d.maildir("alice"); len(box) != 1 || strings.Contains(string(box[0]), "X-Seen: 1") != (classes != "") {
			t.Errorf("with classes %q the notice is\n%s", classes, box[0])
		}
	}
}

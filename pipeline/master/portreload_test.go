package master_test

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// reload has the daemon read its configuration again and waits until it has.
func (d *daemon) reload() {
	d.t.Helper()
	mark := d.log.mark()
	d.signal(syscall.SIGHUP)
	d.log.waitAfter(d.t, mark, `reload -- version|reload: `, d.gone)
}

// closed waits until nobody listens at an address.
func closed(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			_ = c.Close()
		}
		if time.Now().After(end) {
			t.Fatalf("%s is still open: %v", addr, err)
		}
	}
}

// A reload opens the ports that master.cf has and closes those it has not, or that master_service_disable
// names; sessions go on. What cannot be opened leaves everything as it was.
func TestPortsComeAndGoWithAReload(t *testing.T) {
	for _, owner := range []string{"root", "postfix"} {
		t.Run(owner, func(t *testing.T) {
			if owner == "postfix" {
				needOwner(t)
			}
			second, third := porttest.Addr(t), porttest.Addr(t)
			d := newDaemon(t, "mail_owner = "+owner, "default_transport = discard:")
			d.reachable()
			main, master := d.read("main.cf"), d.read("master.cf")
			d.services(second + " inet n - n - - smtpd")
			d.run()
			other := *d
			other.addr = second
			old := other.hello()
			d.write("master.cf", master+third+" inet n - n - - smtpd\n")
			d.reload()
			answers(t, "tcp", third)
			closed(t, second)
			if got := old.mail("a@sender.test", "b@rcpt.test", []byte("Subject: x\r\n\r\n")); !strings.HasPrefix(got, "250 2.0.0 Ok: queued as ") {
				t.Errorf("the session on the old port got %q", got)
			}
			taken, err := net.Listen("tcp", second)
			if err != nil {
				t.Fatal(err)
			}
			d.write("master.cf", master+second+" inet n - n - - smtpd\n")
			d.reload()
			d.log.wait(t, `reload: service `+second+`/inet: .*address already in use.*; going on as before`)
			answers(t, "tcp", third)
			_ = taken.Close()
			d.reload()
			answers(t, "tcp", second)
			closed(t, third)
			d.write("main.cf", main+"master_service_disable = !"+second+"/inet, inet\n")
			d.reload()
			closed(t, d.addr)
			answers(t, "tcp", second)
			d.write("main.cf", main+"master_service_disable = inet, discard/unix\n")
			d.reload()
			closed(t, second)
			d.write("main.cf", main+"master_service_disable = discard/unix\n")
			d.reload()
			answers(t, "tcp", d.addr)
			d.post("a@sender.test", "b@rcpt.test", []byte("Subject: x\r\n\r\n"))
			d.log.wait(t, `to=<b@rcpt\.test>, relay=none, .*dsn=4\.3\.0, status=deferred \(mail transport unavailable\)`)
		})
	}
}

package master_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/porttest"
	"github.com/mtad/mtad/core/smtp/smtptest"
	"github.com/mtad/mtad/pipeline/ctl"
)

// control returns a client of the daemon's control socket.
func (d *daemon) control() *ctl.Client {
	d.t.Helper()
	c := ctl.NewClient(filepath.Join(d.dir, "data", "control"))
	d.t.Cleanup(func() { c.Close() })
	return c
}

// service returns what status says of a service.
func (d *daemon) service(c *ctl.Client, name, kind string) ctl.Service {
	d.t.Helper()
	st, err := c.Status(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, s := range st.Services {
		if s.Name == name && s.Type == kind {
			return s
		}
	}
	d.t.Fatalf("no service %s/%s in %+v", name, kind, st.Services)
	return ctl.Service{}
}

// twoPorts is a daemon with a second port of its own service; options come behind smtpd.
func twoPorts(t *testing.T, options string, lines ...string) (d *daemon, second string) {
	t.Helper()
	d, second = newDaemon(t, lines...), porttest.Addr(t)
	d.services(second + " inet n - n - 2 smtpd " + options)
	return d, second
}

const bye = "C: QUIT\nS: 221 2.0.0 Bye\n! eof"

func TestAServiceIsSuspendedWithoutTouchingOthers(t *testing.T) {
	s := newSink(t)
	d, second := twoPorts(t, "", "relayhost = "+s.nexthop(), "control_socket = $data_directory/control")
	d.run()
	c := d.control()
	stays := smtptest.DialClient(t, second)
	stays.Play("S: ~220 .*")
	if err := c.Suspend(t.Context(), ctl.Suspension{Service: second, Reason: "its turn"}); err != nil {
		t.Fatal(err)
	}
	smtptest.DialClient(t, second).Play("S: 421 4.3.2 mail.mtad.test Service not available, try again later\n! eof")
	smtptest.DialClient(t, d.addr).Play("S: ~220 .*\n" + bye)
	if got := d.service(c, second, "inet"); got.Suspended == nil || got.Suspended.Reason != "its turn" || got.Load.Refused != 1 || got.Load.Busy != 1 || got.Load.Limit != 2 {
		t.Errorf("status says %+v, %+v", got.Load, got.Suspended)
	}
	stays.Play(bye)
	if err := c.Resume(t.Context(), ctl.Suspension{Service: second}); err != nil {
		t.Fatal(err)
	}
	smtptest.DialClient(t, second).Play("S: ~220 .*\n" + bye)
}

func TestASuspendedTransportKeepsItsMailUntilItIsResumed(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "control_socket = $data_directory/control")
	d.run()
	c := d.control()
	for _, name := range []string{"smtp/inet", "nosuch", "cleanup"} {
		if err := c.Suspend(t.Context(), ctl.Suspension{Service: name}); err == nil {
			t.Errorf("%s was suspended", name)
		}
	}
	if err := c.Suspend(t.Context(), ctl.Suspension{Service: "smtp", Reason: "line is down"}); err != nil {
		t.Fatal(err)
	}
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: waits\r\n\r\n"))
	d.log.wait(t, `to=<b@rcpt\.test>, relay=none, .*, dsn=4\.3\.2, status=deferred \(service smtp/unix is suspended: line is down\)`)
	if err := c.Resume(t.Context(), ctl.Suspension{Service: "smtp/unix"}); err != nil {
		t.Fatal(err)
	}
	s.wait(t, 1)
	d.log.wait(t, `to=<b@rcpt\.test>, .* status=sent`)
	if got := d.service(c, "smtp", "unix"); got.Load == nil || got.Load.Total != 1 || got.Suspended != nil {
		t.Errorf("status says %+v", got)
	}
}

// TestVerboseIsPerService: -v in master.cf shows the dialogues of that service and of no other.
func TestVerboseIsPerService(t *testing.T) {
	d, second := twoPorts(t, "-v -o syslog_name=postfix/other")
	d.run()
	smtptest.DialClient(t, d.addr).Play("S: ~220 .*\nC: NOOP quiet\nS: ~250 .*\n" + bye)
	smtptest.DialClient(t, second).Play("S: ~220 .*\nC: NOOP loud\nS: ~250 .*\n" + bye)
	d.log.wait(t, `postfix/other/smtpd\[\d+\]: < unknown\[127\.0\.0\.1\]: NOOP loud\n`)
	d.log.wait(t, `postfix/other/smtpd\[\d+\]: > unknown\[127\.0\.0\.1\]: 221 2\.0\.0 Bye\n`)
	d.log.waitCount(t, `disconnect from unknown`, 2)
	if strings.Contains(d.log.String(), "NOOP quiet") {
		t.Error("the other service is verbose, too")
	}
}

// TestStressBeginsAtTheProcessLimit: when all places of a service are taken, parameters with ${stress?…}
// change for it, and for no other service.
func TestStressBeginsAtTheProcessLimit(t *testing.T) {
	d, second := twoPorts(t, "", "smtpd_banner = $myhostname ${stress?{busy}:{calm}}")
	d.run()
	one, two := smtptest.DialClient(t, second), smtptest.DialClient(t, second)
	one.Play("S: 220 mail.mtad.test calm")
	two.Play("S: 220 mail.mtad.test busy")
	d.log.wait(t, `master\[\d+\]: warning: service "`+second+`" \(.*\) has reached its process limit "2": new clients may experience noticeable delays`)
	one.Play(bye)
	smtptest.DialClient(t, second).Play("S: 220 mail.mtad.test busy\n" + bye)
	smtptest.DialClient(t, d.addr).Play("S: 220 mail.mtad.test calm\n" + bye)
	two.Play(bye)
}

// TestARefusedClientIsSeenToGo: log readers count on a disconnect line for each connect line.
func TestARefusedClientIsSeenToGo(t *testing.T) {
	d := newDaemon(t, "smtpd_delay_reject = no", "smtpd_client_restrictions = reject")
	d.run()
	smtptest.DialClient(t, d.addr).Play("S: ~554 5.7.1 .*Client host rejected.*\n" + bye)
	d.log.wait(t, `(?s)smtpd\[\d+\]: connect from unknown\[127\.0\.0\.1\]\n.*NOQUEUE: reject: CONNECT.*\n\S+ .*disconnect from unknown\[127\.0\.0\.1\] quit=1 commands=1\n`)
}

func TestMetricsTellServicesApart(t *testing.T) {
	admin := porttest.Addr(t)
	d, second := twoPorts(t, "", "admin_address = "+admin)
	d.run()
	for range 3 {
		smtptest.DialClient(t, second).Play("S: ~220 .*\n" + bye)
	}
	smtptest.DialClient(t, d.addr).Play("S: ~220 .*\n" + bye)
	d.log.waitCount(t, `disconnect from unknown`, 4)
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf(`mtad_service_total{service="%s/inet"} 3`, second), fmt.Sprintf(`mtad_service_total{service="%s/inet"} `, d.addr)} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

// TestABadServiceIsAnErrorAtStart: the daemon does not begin with a service that it does not know, and says
// where it stands. fifo is a type that old files have.
func TestABadServiceIsAnErrorAtStart(t *testing.T) {
	d := newDaemon(t)
	d.write("master.cf", "pickup fifo n - n 60 1 pickup\n# a remark\nsmtp inet n - n - - smptd\n")
	d.launch()
	if code := d.wait(); code == 0 {
		t.Error("it ended without an error")
	}
	d.log.wait(t, `master\.cf.*3.*unknown program "smptd".*is smtpd meant\?`)
	if strings.Contains(d.log.String(), "fifo") {
		t.Error("it complains of fifo")
	}
}

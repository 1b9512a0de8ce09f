package maillog_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/maillog"
)

// daemon is a syslog daemon.
func daemon(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func received(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\[\d+\]`).ReplaceAllString(string(b[:n]), "[1]")
}

func TestLinesGoToSyslogAsPostfixSendsThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	d := daemon(t, path)
	w, err := maillog.NewSyslog(path, "mail")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l := maillog.New(maillog.Options{Writer: w, Clock: func() time.Time { return noon }})
	s := l.Service("smtpd")
	s.Info("connect from a[192.0.2.1]")
	s.Warning("no space")
	s.Error("no disk")
	for _, want := range []string{
		"<22>Nov  3 12:00:00 postfix/smtpd[1]: connect from a[192.0.2.1]",
		"<20>Nov  3 12:00:00 postfix/smtpd[1]: warning: no space",
		"<19>Nov  3 12:00:00 postfix/smtpd[1]: error: no disk",
	} {
		if got := received(t, d); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}

	d.Close() // and another one takes its place
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	s.Error("to nobody")
	d = daemon(t, path)
	s.Error("after all")
	if got := received(t, d); !strings.HasSuffix(got, "error: after all") {
		t.Errorf("got %q", got)
	}
	if l.Lost() != 1 {
		t.Errorf("%d lost, want 1", l.Lost())
	}
}

func TestASyslogThatDoesNotReadStopsNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon(t, path)
	w, err := maillog.NewSyslog(path, "local3")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l := maillog.New(maillog.Options{Writer: w})
	for range 2000 {
		l.Service("smtpd").Info(strings.Repeat("x", 500))
	}
	l.Flush()
	if l.Lost() == 0 {
		t.Error("nothing was lost")
	}
}

func TestAFacilityThatIsNoneIsRefused(t *testing.T) {
	if _, err := maillog.NewSyslog("/nosuch", "post"); err == nil || !strings.Contains(err.Error(), `"post" is none`) {
		t.Error(err)
	}
}

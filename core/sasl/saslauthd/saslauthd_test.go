package saslauthd_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/sasl/saslauthd"
)

// daemon answers every question with the same octets, and writes down what it was asked.
func daemon(t *testing.T, answer string) (socket string, asked func() []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "mux") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "mux")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var words []string
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for range 4 {
				words = append(words, counted(c))
			}
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}()
	stop := func() { _ = l.Close(); <-ended; _ = os.RemoveAll(dir) }
	t.Cleanup(stop)
	return socket, func() []string { stop(); return words }
}

func counted(r io.Reader) string {
	var n [2]byte
	_, _ = io.ReadFull(r, n[:])
	b := make([]byte, binary.BigEndian.Uint16(n[:]))
	_, _ = io.ReadFull(r, b)
	return string(b)
}

func TestTheDaemonDecides(t *testing.T) {
	for name, c := range map[string]struct {
		answer        string
		ok, temporary bool
	}{
		"yes":              {"\x00\x02OK", true, false},
		"yes with a word":  {"\x00\x05OK hi", true, false},
		"no":               {"\x00\x0bNO go away\x00", false, false},
		"nothing":          {"", false, true},
		"half an answer":   {"\x00\x09OK", false, true},
		"neither":          {"\x00\x05maybe", false, true},
		"too long":         {"\xff\xff" + strings.Repeat("O", 70000), false, true},
		"no word at all":   {"\x00\x00", false, true},
		"an empty success": {"\x00\x01O", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			socket, asked := daemon(t, c.answer)
			s := saslauthd.New(saslauthd.Options{Socket: socket, Service: "smtp", Realm: "a.test", Timeout: time.Minute})
			x := s.Begin(sasl.Peer{}, "PLAIN")
			defer x.Close()
			_, done, err := x.Next(t.Context(), []byte("\x00alice\x00secret"))
			var f *sasl.Failure
			if done != c.ok || !done && (!errors.As(err, &f) || f.Temporary != c.temporary) {
				t.Errorf("done %v, %v", done, err)
			}
			if done && x.User() != "alice@a.test" {
				t.Errorf("user %q", x.User())
			}
			if got := strings.Join(asked(), "|"); got != "alice|secret|smtp|a.test" {
				t.Errorf("asked %q", got)
			}
		})
	}
	s := saslauthd.New(saslauthd.Options{Socket: t.TempDir() + "/none"})
	var f *sasl.Failure
	if _, err := s.Check(t.Context(), sasl.Peer{}, "a", "b"); !errors.As(err, &f) || !f.Temporary {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestTheLibrarysFileIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		text, mechanisms, unused, socket, fails string
	}{
		"Debian's":            {"pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n", "PLAIN LOGIN", "", "/var/run/saslauthd/mux", ""},
		"a socket of its own": {"# x\n\npwcheck_method:saslauthd\nsaslauthd_path: /run/x/mux\nmech_list: plain cram-md5\n", "PLAIN", "CRAM-MD5", "/run/x/mux", ""},
		"one of several":      {"pwcheck_method: auxprop saslauthd\n", "", "", "/var/run/saslauthd/mux", ""},
		"sasldb":              {"pwcheck_method: auxprop\nauxprop_plugin: sasldb\n", "", "", "", "pwcheck_method auxprop is not supported"},
		"the default":         {"", "", "", "", "pwcheck_method auxprop is not supported"},
		"mechanisms that need the password": {"pwcheck_method: saslauthd\nmech_list: DIGEST-MD5\n", "", "", "",
			"PLAIN and LOGIN only"},
	} {
		t.Run(name, func(t *testing.T) {
			o, unused, err := saslauthd.ReadConfig(fstest.MapFS{"smtpd.conf": {Data: []byte(c.text)}}, "smtpd.conf")
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || strings.Join(o.Mechanisms, " ") != c.mechanisms || strings.Join(unused, " ") != c.unused || o.Socket != c.socket {
				t.Errorf("%+v %v %v", o, unused, err)
			}
		})
	}
}

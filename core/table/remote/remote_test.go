package remote

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// serve answers on loopback or a socket: reply gets what read returns. Connections are counted.
func serve(t *testing.T, network, address string, read func(*bufio.Reader) (string, error), reply func(string) string) (addr string, count *atomic.Int32) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	count = new(atomic.Int32)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			wg.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					q, err := read(in)
					if err != nil {
						return
					}
					r := reply(q)
					io.WriteString(c, r)
					if r == "" || strings.HasSuffix(r, "!") {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String(), count
}

func line(in *bufio.Reader) (string, error) { return in.ReadString('\n') }

func TestTCP(t *testing.T) {
	addr, conns := serve(t, "tcp", "127.0.0.1:0", line, func(q string) string {
		return map[string]string{
			"get a%20b%25%C3%A4\n": "200 x%20y%0A\n", "get none\n": "500 no\n", "get temp\n": "400 busy\n",
			"get odd\n": "250 x\n", "get bad\n": "200 %zz\n", "get long\n": "200 " + strings.Repeat("x", 5000) + "\n",
		}[q]
	})
	c, err := TCP(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, want := range []struct {
		key, value string
		found      bool
		err        string
	}{
		{"a b%ä", "x y\n", true, ""}, {"none", "", false, ""}, {"temp", "", false, "busy"},
		{"a b%ä", "x y\n", true, ""},
		{"odd", "", false, "unexpected reply"}, {"bad", "", false, "badly encoded"}, {"long", "", false, "longer than"},
		{"closes", "", false, "EOF"}, {strings.Repeat("k", 5000), "", false, "too long"},
	} {
		v, ok, err := c.Lookup(context.Background(), want.key)
		if v != want.value || ok != want.found || (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
			t.Errorf("%.20q: %q %v %v", want.key, v, ok, err)
		}
	}
	if n := conns.Load(); n < 2 || n > 9 {
		t.Errorf("%d connections", n)
	}
	if !c.WholeKey() {
		t.Error("keys of tcp tables are whole")
	}
}

func TestGoodConnectionsAreKept(t *testing.T) {
	addr, conns := serve(t, "tcp", "127.0.0.1:0", line, func(string) string { return "500 no\n" })
	c, _ := TCP(addr)
	defer c.Close()
	for range 5 {
		if _, _, err := c.Lookup(context.Background(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	if conns.Load() != 1 {
		t.Fatalf("%d connections", conns.Load())
	}
}

func TestSocketmapOverAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	question := func(in *bufio.Reader) (string, error) { return readNetstring(in, MaxReply) }
	addr, _ := serve(t, "unix", path, question, func(q string) string {
		return map[string]string{
			"users bob": "6:OK box,", "users none": "9:NOTFOUND ,", "users temp": "8:TEMP bad,", "users perm": "7:PERM no,",
			"users odd": "3:huh,", "users end": "2:OK;", "users huge": "999999:x",
		}[q]
	})
	c, err := Socketmap("unix:"+addr+":users", MaxReply)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for key, want := range map[string]string{
		"bob": "box", "none": "-", "temp": "cannot say", "perm": "cannot say", "odd": "unexpected", "end": "netstring", "huge": "longer", "gone": "EOF",
	} {
		v, ok, err := c.Lookup(context.Background(), key)
		switch {
		case err != nil && !strings.Contains(err.Error(), want), err == nil && ok && v != want, err == nil && !ok && want != "-":
			t.Errorf("%s: %q %v %v", key, v, ok, err)
		}
	}
}

func TestARepliesSizeIsLimited(t *testing.T) {
	question := func(in *bufio.Reader) (string, error) { return readNetstring(in, MaxReply) }
	addr, _ := serve(t, "unix", filepath.Join(t.TempDir(), "s"), question, func(string) string { return "6:OK box," })
	for most, want := range map[int]bool{5: false, 6: true} {
		c, err := Socketmap("unix:"+addr+":users", most)
		if err != nil {
			t.Fatal(err)
		}
		v, ok, err := c.Lookup(context.Background(), "bob")
		c.Close()
		if want && (v != "box" || err != nil) || !want && (ok || err == nil || !strings.Contains(err.Error(), "socketmap_max_reply_size")) {
			t.Errorf("at most %d bytes: %q %v %v", most, v, ok, err)
		}
	}
}

func TestAServerThatIsNotThereIsAnError(t *testing.T) {
	c, err := Socketmap("unix:"+filepath.Join(t.TempDir(), "none")+":t", MaxReply)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := c.Lookup(context.Background(), "k"); ok || err == nil {
		t.Fatal("not found instead of an error")
	}
}

func TestACancelledLookupEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	addr, _ := serve(t, "tcp", "127.0.0.1:0", line, func(string) string { cancel(); return "\x00" })
	c, _ := TCP(addr)
	defer c.Close()
	if _, _, err := c.Lookup(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", "host", "inet:host:name", "inet:host:1", "unix:/x", "udp:h:1:n", "unix::n", "unix:/x:"} {
		if _, err := Socketmap(name, MaxReply); err == nil {
			t.Errorf("socketmap:%s was taken", name)
		}
	}
	if _, err := TCP("host"); err == nil {
		t.Error("tcp:host was taken")
	}
}

func FuzzReplies(f *testing.F) {
	f.Add("200 a%20b")
	f.Add("6:OK box,")
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok, err := parseTCP(s); ok && err != nil || !ok && v != "" {
			t.Fatal(v, ok, err)
		}
		if text, err := readNetstring(bufio.NewReader(strings.NewReader(s)), MaxReply); err == nil {
			if len(text) > len(s) {
				t.Fatal(text)
			}
			if v, ok, err := parseSocketmap(text); ok && err != nil || !ok && v != "" {
				t.Fatal(v, ok, err)
			}
		}
		if v, ok, err := parseTCP("200 " + escape(s)); !ok || err != nil || v != s {
			t.Fatalf("%q came back as %q: %v", s, v, err)
		}
	})
}

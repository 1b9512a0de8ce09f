package redistable

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// server starts a private server on a socket and returns its path.
func startServer(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
			t.Fatal("Debian's redis-server is demanded")
		}
		t.Skip("install Debian's redis-server to test with a real server")
	}
	dir, err := os.MkdirTemp("", "mtad") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir, "--requirepass", "secret")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); _ = cmd.Wait() })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return socket
		}
		<-tick.C
	}
	t.Fatal("redis-server does not listen")
	return ""
}

func open(t *testing.T, conf string) *Table {
	t.Helper()
	file := filepath.Join(t.TempDir(), "r.cf")
	os.WriteFile(file, []byte(conf), 0o600)
	tb, err := Open(file, Options{Warn: func(s string) { t.Error(s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tb.Close() })
	return tb
}

func TestRedis(t *testing.T) {
	conf := "hosts = unix:" + startServer(t) + "\npassword = secret\ndbname = 2\n"
	ctx := context.Background()
	fill := open(t, conf)
	for k, v := range map[string]string{"mail:alice@example.org": "box", "plain": "p", "x\r\nget y": "odd", "empty": ""} {
		if err := fill.client.Set(ctx, k, v, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	fill.client.LPush(ctx, "list", "a")
	for _, c := range []struct{ name, conf, key, want string }{
		{"a value", "", "Plain", "p"},
		{"none", "", "nobody", "-"},
		{"an empty value", "", "empty", "-"},
		{"a template", "query = mail:%s\nresult_format = %s@%D", "alice@example.org", "box@example.org"},
		{"a key that would be a command", "", "x\r\nget y", "odd"},
		{"domain", "domain = example.net\nquery = mail:%s", "alice@example.org", "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, ok, err := open(t, conf+c.conf+"\n").Lookup(ctx, c.key)
			if err != nil || ok && v != c.want || !ok && c.want != "-" {
				t.Errorf("got %q %v %v", v, ok, err)
			}
		})
	}
	if _, ok, err := open(t, conf).Lookup(ctx, "list"); ok || err == nil {
		t.Error("a list is no value and no no", ok, err)
	}
}

func TestAServerThatIsNotThereIsAnError(t *testing.T) {
	if _, ok, err := open(t, "hosts = unix:/nonexistent/s\n").Lookup(context.Background(), "k"); ok || err == nil {
		t.Fatal(ok, err)
	}
}

package sqltable

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/porttest"
	"github.com/mtad/mtad/core/smtp/smtptest"
)

// program finds a program of a Debian package, or ends or skips the test.
func program(t *testing.T, debian string, patterns ...string) string {
	t.Helper()
	for _, p := range patterns {
		if found, _ := filepath.Glob(p); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
		t.Fatalf("Debian's %s is demanded", debian)
	}
	t.Skipf("install Debian's %s to test with a real server", debian)
	return ""
}

// server is a private server: its directory, and the unprivileged user that it runs as when the
// test is root, which these servers refuse to be.
type server struct {
	dir  string
	cred *syscall.Credential
}

func newServer(t *testing.T) server {
	t.Helper()
	dir, err := os.MkdirTemp("", "mtad") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := server{dir: dir}
	if os.Getuid() != 0 {
		return s
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return s
}

func (s server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (s server) run(t *testing.T, input, name string, args ...string) {
	t.Helper()
	cmd := s.command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func TestPostgreSQL(t *testing.T) {
	initdb := program(t, "postgresql", "/usr/lib/postgresql/*/bin/initdb")
	bin := filepath.Dir(initdb)
	s := newServer(t)
	data := filepath.Join(s.dir, "data")
	s.run(t, "", initdb, "-D", data, "-U", "mail", "-A", "trust", "-E", "UTF8", "--no-sync")
	s.run(t, "", filepath.Join(bin, "pg_ctl"), "-D", data, "-w", "-l", filepath.Join(s.dir, "log"),
		"-o", "-c listen_addresses= -c fsync=off -k "+s.dir, "start")
	t.Cleanup(func() { s.run(t, "", filepath.Join(bin, "pg_ctl"), "-D", data, "-m", "immediate", "stop") })
	sql := strings.ReplaceAll(schema, `\\`, `\`) + `CREATE FUNCTION box(text) RETURNS SETOF text LANGUAGE sql AS 'SELECT box::text FROM users WHERE name = $1';`
	s.run(t, sql, filepath.Join(bin, "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-U", "mail", "postgres")
	conf := "hosts = unix:" + s.dir + "\nuser = mail\ndbname = postgres\n"
	suite(t, "pgsql", conf)
	both(t, "pgsql", "unix:"+s.dir, "user = mail\ndbname = postgres\n")
	suite(t, "pgsql", "hosts = postgresql:///postgres?host="+s.dir+"&user=mail\nencoding = UTF8\n")
	t.Run("select_function", func(t *testing.T) {
		tb, err := Open("pgsql", write(t, conf+"select_function = box\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer tb.Close()
		if got := ask(t, tb, "alice@example.org"); got != "a/box" {
			t.Errorf("got %q", got)
		}
	})
}

func TestMariaDB(t *testing.T) {
	mariadbd := program(t, "mariadb-server", "/usr/sbin/mariadbd", "/usr/sbin/mysqld")
	s := newServer(t)
	data, socket := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "s")
	// One statement per line, as --init-file wants it.
	cert, key := certificate(t, s)
	address := porttest.Addr(t)
	_, port, _ := net.SplitHostPort(address)
	boot := "CREATE DATABASE mail;\nUSE mail;\n" + schema +
		"\nFLUSH PRIVILEGES;\nCREATE USER 'mail'@'localhost' IDENTIFIED BY 'secret';\nGRANT SELECT, EXECUTE ON mail.* TO 'mail'@'localhost';\n" +
		"CREATE USER 'mail'@'127.0.0.1' IDENTIFIED BY 'secret' REQUIRE SSL;\nGRANT SELECT ON mail.* TO 'mail'@'127.0.0.1';\n" +
		"CREATE DEFINER='mail'@'localhost' PROCEDURE box(IN who VARCHAR(80)) SELECT box FROM users WHERE name = who;\nCREATE DEFINER='mail'@'localhost' PROCEDURE silent(IN who VARCHAR(80)) DO 1;\n"
	init := filepath.Join(s.dir, "init.sql")
	if err := os.WriteFile(init, []byte(boot), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run(t, "", program(t, "mariadb-server", "/usr/bin/mariadb-install-db", "/usr/bin/mysql_install_db"), "--no-defaults",
		"--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	cmd := s.command(mariadbd, "--no-defaults", "--datadir="+data, "--socket="+socket, "--bind-address=127.0.0.1", "--port="+port, "--ssl-cert="+cert, "--ssl-key="+key, "--skip-name-resolve",
		"--init-file="+init, "--pid-file="+filepath.Join(s.dir, "pid"), "--innodb-flush-log-at-trx-commit=0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	done := make(chan struct{})
	go func() { // ends with the server's standard error
		defer close(done)
		watchLog(log, "ready for connections", ready)
	}()
	t.Cleanup(func() { cmd.Process.Kill(); <-done; _ = cmd.Wait() })
	if text := <-ready; text != "" {
		t.Fatalf("mariadbd does not start: %s", text)
	}
	const login = "user = mail\npassword = secret\ndbname = mail\n"
	suite(t, "mysql", "hosts = unix:"+socket+"\n"+login)
	both(t, "mysql", "unix:"+socket, login)
	for _, c := range []struct{ name, conf, want string }{
		{"a procedure", "hosts = unix:" + socket + "\nquery = CALL box('%s')", "a/box"},
		{"a procedure without a result set", "hosts = unix:" + socket + "\nquery = CALL silent('%s')", "error"},
		{"one that need not have one", "hosts = unix:" + socket + "\nrequire_result_set = no\nquery = CALL silent('%s')", "-"},
		{"without TLS, which is demanded", "hosts = inet:" + address, "error"},
		{"TLS, known by a file", "hosts = inet:" + address + "\ntls_CAfile = " + cert, "a/box"},
		{"TLS, known by a directory", "hosts = " + address + "\ntls_verify_cert = yes\ntls_CApath = " + filepath.Dir(cert), "a/box"},
		{"TLS, not known", "hosts = inet:" + address + "\ntls_verify_cert = yes", "error"},
		{"another character set", "charset = latin1\nhosts = unix:" + socket, "a/box"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(c.conf, "query") {
				c.conf += "\nquery = SELECT box FROM users WHERE name = '%s'"
			}
			tb, err := Open("mysql", write(t, login+c.conf+"\n"), Options{Warn: func(s string) { t.Error(s) }})
			if err != nil {
				t.Fatal(err)
			}
			defer tb.Close()
			v, ok, err := tb.Lookup(t.Context(), "alice@example.org")
			if err != nil && c.want != "error" || ok && v != c.want || !ok && err == nil && c.want != "-" {
				t.Errorf("got %q %v %v, want %q", v, ok, err, c.want)
			}
		})
	}
}

// certificate keeps a certificate where the server can read it.
func certificate(t *testing.T, s server) (cert, key string) {
	t.Helper()
	c, _ := smtptest.Certificate(t)
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.dir, "tls")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// both asks a table whose hosts are a server and one that is not there, in both orders.
func both(t *testing.T, kind, host, login string) {
	t.Run("the next host is asked when one is down", func(t *testing.T) {
		tb, err := Open(kind, write(t, "hosts = unix:/nonexistent/.s.PGSQL.1, "+host+"\n"+login+"query = SELECT box FROM users WHERE name = '%s'\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer tb.Close()
		for range 20 { // by chance either comes first, until the dead one is known
			if got := ask(t, tb, "alice@example.org"); got != "a/box" {
				t.Fatalf("got %q", got)
			}
		}
	})
}

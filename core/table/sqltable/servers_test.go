package sqltable

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
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
	boot := "CREATE DATABASE mail;\nUSE mail;\n" + schema +
		"\nFLUSH PRIVILEGES;\nCREATE USER 'mail'@'localhost' IDENTIFIED BY 'secret';\nGRANT SELECT ON mail.* TO 'mail'@'localhost';\n"
	init := filepath.Join(s.dir, "init.sql")
	if err := os.WriteFile(init, []byte(boot), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run(t, "", program(t, "mariadb-server", "/usr/bin/mariadb-install-db", "/usr/bin/mysql_install_db"), "--no-defaults",
		"--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	cmd := s.command(mariadbd, "--no-defaults", "--datadir="+data, "--socket="+socket, "--skip-networking",
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
	suite(t, "mysql", "hosts = unix:"+socket+"\nuser = mail\npassword = secret\ndbname = mail\n")
}

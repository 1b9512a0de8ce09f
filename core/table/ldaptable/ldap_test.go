package ldaptable

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/table/query"
)

const entries = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=alice,dc=example,dc=org
objectClass: inetOrgPerson
cn: alice
sn: A
mail: alice@example.org
description: box1
description: box2

dn: cn=star,dc=example,dc=org
objectClass: inetOrgPerson
cn: star
sn: S
mail: *@example.org
description: star
`

// slapd starts a private server on a socket and returns its URL.
func slapd(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/slapd"); err != nil {
		if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
			t.Fatal("Debian's slapd is demanded")
		}
		t.Skip("install Debian's slapd to test with a real server")
	}
	dir, err := os.MkdirTemp("", "mtad") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conf := fmt.Sprintf(`include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/pid
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw secret
directory %[1]s
dbnosync
access to * by dn.exact="cn=admin,dc=example,dc=org" write by * auth
`, dir)
	write(t, filepath.Join(dir, "slapd.conf"), conf)
	write(t, filepath.Join(dir, "ldif"), entries)
	add := exec.Command("/usr/sbin/slapadd", "-q", "-f", filepath.Join(dir, "slapd.conf"), "-l", filepath.Join(dir, "ldif"))
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	socket := filepath.Join(dir, "s")
	address := "ldapi://" + url.PathEscape(socket)
	cmd := exec.Command("/usr/sbin/slapd", "-d", "0", "-f", filepath.Join(dir, "slapd.conf"), "-h", address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); _ = cmd.Wait() })
	await(t, socket)
	return "ldapi://" + socket
}

// await tries to connect until a server listens.
func await(t *testing.T, socket string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
		<-tick.C
	}
	t.Fatal("the server does not listen")
}

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t *testing.T, conf string) *Table {
	t.Helper()
	tb, err := Open(write(t, filepath.Join(t.TempDir(), "l.cf"), conf), Options{Warn: func(s string) { t.Error(s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tb.Close() })
	return tb
}

func TestSlapd(t *testing.T) {
	server := "server_host = " + slapd(t) + "\nbind_dn = cn=admin,dc=example,dc=org\nbind_pw = secret\nresult_attribute = description\n"
	for _, c := range []struct{ name, conf, key, want string }{
		{"values", "search_base = dc=example,dc=org\nquery_filter = mail=%s", "Alice@Example.org", "box1,box2"},
		{"none", "search_base = dc=example,dc=org\nquery_filter = (mail=%s)", "bob@example.org", "-"},
		{"a key that would be a filter", "search_base = dc=example,dc=org\nquery_filter = (mail=%s)", "*@example.org", "star"},
		{"a key that would close a filter", "search_base = dc=example,dc=org\nquery_filter = (&(mail=%s)(sn=nobody))", "*)(cn=*))(&(cn=*", "-"},
		{"a base of the key", "search_base = cn=%u,dc=%2,dc=%1\nscope = base\nquery_filter = (objectClass=*)", "alice@example.org", "box1,box2"},
		{"a base that does not exist", "search_base = cn=%u,dc=example,dc=org\nquery_filter = (objectClass=*)", "none@example.org", "-"},
		{"a key that would be a base", "search_base = cn=%u,dc=example,dc=org\nquery_filter = (objectClass=*)", "alice,dc=example@x", "-"},
		{"result_format", "search_base = dc=example,dc=org\nquery_filter = (mail=%s)\nresult_format = /%D/%s", "alice@example.org", "/example.org/box1,/example.org/box2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, ok, err := open(t, server+c.conf+"\n").Lookup(context.Background(), c.key)
			if err != nil || ok && v != c.want || !ok && c.want != "-" {
				t.Errorf("got %q %v %v, want %q", v, ok, err, c.want)
			}
		})
	}
	t.Run("a connection that was lost is made anew", func(t *testing.T) {
		tb := open(t, server+"search_base = dc=example,dc=org\nquery_filter = (mail=%s)\n")
		for range 2 {
			if _, ok, err := tb.Lookup(context.Background(), "alice@example.org"); !ok || err != nil {
				t.Fatal(ok, err)
			}
			tb.conn.Close()
		}
	})
	t.Run("errors are no answers", func(t *testing.T) {
		tb := open(t, strings.Replace(server, "secret", "wrong", 1)+"search_base = dc=example,dc=org\n")
		if _, ok, err := tb.Lookup(context.Background(), "k"); ok || err == nil {
			t.Error("bad password", ok, err)
		}
		tb = open(t, server+"search_base = dc=example,dc=org\nquery_filter = (mail=%s)\nexpansion_limit = 1\n")
		if _, ok, err := tb.Lookup(context.Background(), "alice@example.org"); ok || !errors.Is(err, query.ErrLimit) {
			t.Error("expansion_limit", ok, err)
		}
	})
}

func TestAServerThatIsNotThereIsAnError(t *testing.T) {
	tb := open(t, "server_host = ldapi:///nonexistent/s\nsearch_base = x=y\n")
	if _, ok, err := tb.Lookup(context.Background(), "k"); ok || err == nil {
		t.Fatal(ok, err)
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	for _, conf := range []string{"scope = all", "query_filter = (a=%s", "special_result_attribute = member", "bind = sasl", "timeout = x", "dereference = 9", "search_base = %q"} {
		if _, err := Open(write(t, filepath.Join(t.TempDir(), "l.cf"), conf+"\n"), Options{}); err == nil {
			t.Errorf("%s was taken", conf)
		}
	}
}

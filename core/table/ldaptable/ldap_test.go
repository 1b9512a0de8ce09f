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

dn: cn=carol,dc=example,dc=org
objectClass: inetOrgPerson
cn: carol
sn: C
mail: carol@example.org
description: carolbox

dn: cn=team,dc=example,dc=org
objectClass: inetOrgPerson
cn: team
sn: T
mail: team@example.org
description: teambox
seeAlso: cn=alice,dc=example,dc=org
seeAlso: cn=carol,dc=example,dc=org

dn: cn=all,dc=example,dc=org
objectClass: inetOrgPerson
cn: all
sn: L
mail: all@example.org
seeAlso: cn=team,dc=example,dc=org
seeAlso: cn=gone,dc=example,dc=org

dn: cn=dynamic,dc=example,dc=org
objectClass: inetOrgPerson
cn: dynamic
sn: D
mail: dynamic@example.org
labeledURI: ldap:///dc=example,dc=org?description,cn?sub?(%7C(sn=A)(sn=C))
labeledURI: ldap:///dc=example,dc=org?telephoneNumber?sub

dn: cn=routed,dc=example,dc=org
objectClass: inetOrgPerson
cn: routed
sn: R
mail: routed@example.org
title: routed@lists.example.org
description: not me
seeAlso: cn=alice,dc=example,dc=org

dn: cn=loop,dc=example,dc=org
objectClass: inetOrgPerson
cn: loop
sn: P
mail: loop@example.org
description: loopbox
seeAlso: cn=loop,dc=example,dc=org

dn: cn=odd,dc=example,dc=org
objectClass: inetOrgPerson
cn: odd
sn: O
mail: odd@example.org
description: not a name
`

// slapd starts a private server on a socket and returns its URL.
func slapd(t *testing.T, also ...string) string {
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
	listen := ""
	if len(also) == 2 { // lines of the configuration, and an address
		conf, listen = also[0]+conf, " "+also[1]
	}
	write(t, filepath.Join(dir, "slapd.conf"), conf)
	write(t, filepath.Join(dir, "ldif"), entries)
	add := exec.Command("/usr/sbin/slapadd", "-q", "-f", filepath.Join(dir, "slapd.conf"), "-l", filepath.Join(dir, "ldif"))
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	socket := filepath.Join(dir, "s")
	address := "ldapi://" + url.PathEscape(socket)
	cmd := exec.Command("/usr/sbin/slapd", "-d", "0", "-f", filepath.Join(dir, "slapd.conf"), "-h", address+listen)
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
	base := "search_base = dc=example,dc=org\nquery_filter = (mail=%s)\n"
	const dns, leaf = "special_result_attribute = seeAlso labeledURI\n", "result_attribute =\nleaf_result_attribute = description\n"
	for _, c := range []struct{ name, conf, key, want string }{
		{"special: the entries that are named count too", dns, "team@example.org", "teambox,box1,box2,carolbox"},
		{"special: they may name others, and ones that are gone", dns, "all@example.org", "teambox,box1,box2,carolbox"},
		{"special: a URI is a search of its own", dns, "dynamic@example.org", "box1,box2,carolbox"},
		{"special: an entry that names none is as any", dns, "alice@example.org", "box1,box2"},
		{"special: without it names are text", "", "team@example.org", "teambox"},
		{"leaf: not of the groups", dns + leaf, "all@example.org", "box1,box2,carolbox"},
		{"leaf: of an entry that names none", dns + leaf, "carol@example.org", "carolbox"},
		{"terminal: nothing else of an entry that has one", dns + "terminal_result_attribute = title\n", "routed@example.org", "routed@lists.example.org"},
		{"terminal: an entry without one is as any", dns + "terminal_result_attribute = title\n", "team@example.org", "teambox,box1,box2,carolbox"},
		{"result_format is of each value", dns + leaf + "result_format = %u@%d.%S\n", "carol@example.org", "-"},
		{"domain: another one is not asked for", "domain = example.net\n", "alice@example.org", "-"},
		{"domain: this one is", "domain = example.net, example.org\n", "alice@example.org", "box1,box2"},
		{"several attributes", "result_attribute = description, cn\n", "carol@example.org", "carolbox,carol"},
		{"bind = simple, version, limits", "bind = simple\nversion = 3\nsize_limit = 1\nexpansion_limit = 2\nrecursion_limit = 1\ndereference = 3\nchase_referrals = no\n", "alice@example.org", "box1,box2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := server + base + c.conf
			v, ok, err := open(t, conf).Lookup(context.Background(), c.key)
			if err != nil || ok && v != c.want || !ok && c.want != "-" {
				t.Errorf("got %q %v %v, want %q", v, ok, err, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ conf, key, want string }{
		"a group in itself":                  {dns + "recursion_limit = 5\n", "loop@example.org", "recursion_limit"},
		"deeper than recursion_limit":        {dns + "recursion_limit = 1\n", "all@example.org", "recursion_limit"},
		"a name that is none":                {"special_result_attribute = description\n", "odd@example.org", "neither a DN nor a URI"},
		"expansion_limit is of all together": {dns + "expansion_limit = 3\n", "team@example.org", "expansion_limit"},
		"size_limit is of one search":        {"size_limit = 1\nquery_filter = (|(mail=%s)(sn=*))\n", "team@example.org", "Size Limit"},
	} {
		t.Run("no answer: "+name, func(t *testing.T) {
			if v, ok, err := open(t, server+base+c.conf).Lookup(context.Background(), c.key); ok || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q %v %v, want %q", v, ok, err, c.want)
			}
		})
	}
	t.Run("the next server is asked when one is down", func(t *testing.T) {
		two := strings.Replace(server, "server_host = ", "server_host = ldapi:///nonexistent/s ", 1)
		if v, ok, err := open(t, two+base).Lookup(context.Background(), "carol@example.org"); v != "carolbox" || !ok || err != nil {
			t.Error(v, ok, err)
		}
	})
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
	for _, conf := range []string{"scope = all", "query_filter = (a=%s", "bind = sasl", "bind = perhaps", "chase_referrals = yes", "version = 4",
		"recursion_limit = 0", "result_attribute =", "tls_ca_cert_dir = /nonexistent", "tls_cert = /nonexistent", "tls_require_cert = perhaps", "timeout = x", "dereference = 9", "search_base = %q"} {
		if _, err := Open(write(t, filepath.Join(t.TempDir(), "l.cf"), conf+"\n"), Options{}); err == nil {
			t.Errorf("%s was taken", conf)
		}
	}
}

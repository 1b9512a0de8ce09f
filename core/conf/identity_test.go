package conf_test

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
)

// TestIdentity covers the rows F01 to F08.
func TestIdentity(t *testing.T) {
	tests := []struct {
		name, hostname, mainCF         string
		myhostname, mydomain, myorigin string
		mydestination                  string
	}{
		{"a qualified system name", "mail.example.com", "", "mail.example.com", "example.com", "mail.example.com", "mail.example.com, localhost.example.com, localhost"},
		{"a plain system name", "vm", "", "vm.localdomain", "localdomain", "vm.localdomain", "vm.localdomain, localhost.localdomain, localhost"},
		{"a plain system name with mydomain", "vm", "mydomain = example.org", "vm.example.org", "example.org", "vm.example.org", "vm.example.org, localhost.example.org, localhost"},
		{"no system name", "", "", "localhost.localdomain", "localdomain", "localhost.localdomain", "localhost.localdomain, localhost.localdomain, localhost"},
		{"a trailing dot", "vm.example.com.", "", "vm.example.com", "example.com", "vm.example.com", "vm.example.com, localhost.example.com, localhost"},
		{"myhostname without a dot", "vm", "myhostname = foo", "foo", "localdomain", "foo", "foo, localhost.localdomain, localhost"},
		{"myhostname set", "vm", "myhostname = a.b.example.com", "a.b.example.com", "b.example.com", "a.b.example.com", "a.b.example.com, localhost.b.example.com, localhost"},
		{"myhostname from mydomain", "vm", "mydomain = example.net\nmyhostname = mail.$mydomain", "mail.example.net", "example.net", "mail.example.net", "mail.example.net, localhost.example.net, localhost"},
		{"myhostname from a mydomain that is not set", "vm", "myhostname = mail.$mydomain", "mail.localdomain", "localdomain", "mail.localdomain", "mail.localdomain, localhost.localdomain, localhost"},
		{"myorigin", "vm.example.com", "myorigin = $mydomain", "vm.example.com", "example.com", "example.com", "vm.example.com, localhost.example.com, localhost"},
		{"commas and spaces mixed", "vm.example.com", "mydestination = $myhostname www.$mydomain, ftp.$mydomain", "vm.example.com", "example.com", "vm.example.com", "vm.example.com www.example.com, ftp.example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := conftest.Load(t, tt.mainCF, conf.WithHostname(tt.hostname))
			for name, want := range map[string]string{"myhostname": tt.myhostname, "mydomain": tt.mydomain, "myorigin": tt.myorigin, "mydestination": tt.mydestination} {
				if got := c.String(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestANameMadeOfItselfIsReported(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"main.cf": "mydomain = x.$myhostname\n"})
	_, err := conf.Load(dir, append(conftest.Options(), conf.WithHostname("vm"))...)
	if err == nil || !strings.Contains(err.Error(), "a loop: $myhostname -> $mydomain -> $myhostname") && !strings.Contains(err.Error(), "a loop: $mydomain") {
		t.Fatalf("got %v", err)
	}
}

func TestMyoriginTakesTheFirstLineOfAFile(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"mailname": " example.org \nsecond\n", "empty": "\n", "path": "/etc/mailname\n"})
	c := conftest.Load(t, "myorigin = "+filepath.Join(dir, "mailname")+"\nmasquerade_domains = $myorigin\n")
	if got := c.String("myorigin"); got != "example.org" {
		t.Errorf("myorigin is %q", got)
	}
	if got := c.String("masquerade_domains"); got != "example.org" {
		t.Errorf("$myorigin is %q", got)
	}
	if raw, _, _ := c.Lookup("myorigin"); raw != filepath.Join(dir, "mailname") {
		t.Errorf("the value as written is %q", raw)
	}
	for name, want := range map[string]string{"empty": "a domain expected", "path": "a domain expected", ".": "not a regular file"} {
		bad := conftest.Dir(t, map[string]string{"main.cf": "myorigin = " + dir + "/" + name})
		if _, err := conf.Load(bad, conftest.Options()...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

// TestMynetworksStyle covers the rows H04 to H07.
func TestMynetworksStyle(t *testing.T) {
	for mainCF, want := range map[string]string{
		"mynetworks_style = host":   "127.0.0.1/32 192.0.2.1/32 [::1]/128 [2001:db8::1]/128",
		"mynetworks_style = Subnet": "127.0.0.0/8 192.0.2.0/24 [::1]/128 [2001:db8::]/64",
		"mynetworks_style = class":  "127.0.0.0/8 192.0.2.0/24 [::1]/128 [2001:db8::]/64",
		"":                          "127.0.0.0/8 192.0.2.0/24 [::1]/128 [2001:db8::]/64",
		"compatibility_level = 2":   "127.0.0.1/32 192.0.2.1/32 [::1]/128 [2001:db8::1]/128",
		"mynetworks_style = subnet\nmynetworks = 10.0.0.0/8":                                       "10.0.0.0/8",
		"mynetworks_style = host\ninet_protocols = ipv4":                                           "127.0.0.1/32 192.0.2.1/32",
		"mynetworks_style = host\ninet_protocols = ipv6":                                           "[::1]/128 [2001:db8::1]/128",
		"mynetworks_style = subnet\ninet_interfaces = loopback-only":                               "127.0.0.0/8 [::1]/128",
		"mynetworks_style = subnet\ninet_interfaces = 192.0.2.1, [2001:db8::1]":                    "192.0.2.0/24 [2001:db8::]/64",
		"mynetworks_style = subnet\ninet_interfaces = localhost":                                   "127.0.0.0/8 [::1]/128",
		"mynetworks_style = subnet\ninet_interfaces = 198.51.100.7":                                "198.51.100.7/32",
		"mynetworks_style = subnet\ninet_interfaces = $myhostname\nmyhostname = known.example.com": "192.0.2.0/24",
		"inet_interfaces = $mynetworks":                                                            "",
	} {
		resolver := conf.WithResolver(func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "known.example.com" {
				return nil, errors.New("not found")
			}
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
		})
		if got := conftest.Load(t, mainCF, resolver).String("mynetworks"); got != want {
			t.Errorf("%q trusts %q, want %q", mainCF, got, want)
		}
	}
}

func TestNetworksThatCannotBeComputedAreReported(t *testing.T) {
	for name, tt := range map[string]struct {
		mainCF string
		option conf.Option
		want   string
	}{
		"no DNS":        {"inet_interfaces = other.example.com", conf.WithVersion("", ""), "mynetworks: bad value: inet_interfaces: other.example.com: conftest: no DNS"},
		"no interfaces": {"", conf.WithInterfaces(func() ([]netip.Prefix, error) { return nil, errors.New("EPERM") }), "the addresses of the interfaces: EPERM"},
	} {
		dir := conftest.Dir(t, map[string]string{"main.cf": tt.mainCF})
		_, err := conf.Load(dir, append(conftest.Options(), tt.option)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
		bad := conftest.ReadDir(t, dir, tt.option)
		if l, err := bad.Networks("mynetworks", nil); err != nil || l.Len() != 0 {
			t.Errorf("%s: somebody is trusted: %v, %v", name, l, err)
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	c := conftest.Load(t, "inet_interfaces = all\ninet_protocols = ipv4, ipv6")
	own, err := c.OwnAddresses()
	var got []string
	for _, p := range own {
		got = append(got, p.String())
	}
	if want := []string{"127.0.0.1/8", "192.0.2.1/24", "::1/128", "2001:db8::1/64"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	if v4, v6 := conftest.Load(t, "inet_protocols = ipv6").Protocols(); v4 || !v6 {
		t.Errorf("protocols %v, %v", v4, v6)
	}
}

// TestTheSystemsOwn asks the machine the tests run on.
func TestTheSystemsOwn(t *testing.T) {
	c, err := conf.Load(conftest.Dir(t, map[string]string{"main.cf": "inet_interfaces = localhost\nmyhostname = a.example.com\n"}), conf.WithEnviron(nil))
	if err != nil {
		t.Fatal(err)
	}
	if own, err := c.OwnAddresses(); err != nil || len(own) == 0 {
		t.Errorf("got %v, %v", own, err)
	}
}

func TestCompatibilityLevel(t *testing.T) {
	old := conftest.Load(t, "")
	for name, want := range map[string]string{"compatibility_level": "0", "append_dot_mydomain": "yes", "smtpd_relay_restrictions": "", "smtputf8_enable": "no",
		"relay_domains": "mail.example.com, localhost.example.com, localhost"} {
		if got := old.String(name); got != want {
			t.Errorf("of a main.cf without level, %s is %q", name, got)
		}
	}
	fresh := conftest.LoadDir(t, conftest.Dir(t, map[string]string{"mtad.toml": ""}))
	for name, want := range map[string]string{"compatibility_level": "3.11", "append_dot_mydomain": "no", "relay_domains": "", "smtputf8_enable": "yes",
		"smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"} {
		if got := fresh.String(name); got != want {
			t.Errorf("of a new configuration, %s is %q", name, got)
		}
	}
	if got := old.String("mail_version") + " " + old.String("mail_release_date") + " " + old.String("config_directory"); got != "1.2.3 20250102 "+old.Dir() {
		t.Errorf("got %q", got)
	}
}

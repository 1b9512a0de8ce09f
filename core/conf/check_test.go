package conf_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
)

// finding returns the finding about a parameter, set by service or by none.
func finding(t *testing.T, all []conf.Finding, service, parameter string) conf.Finding {
	t.Helper()
	for _, f := range all {
		if f.Parameter == parameter && f.Service == service {
			return f
		}
	}
	t.Fatalf("no finding about %s of %q", parameter, service)
	return conf.Finding{}
}

// TestCheckStatus covers what each name that is set turns out to be.
func TestCheckStatus(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf": `compatibility_level = 3.6
smtpd_recipient_limit = 10
biff = no
milter_unknown_command_macros = i
masquerade_class = envelope_sender
virtual_mailbox_domain = example.com
mynetwork = 10.0.0.0/8
enable_sasl_authentification = yes
insiders_only = check_sender_access hash:/etc/insiders, reject
smtpd_restriction_classes = insiders_only
mua_client_restrictions = permit_mynetworks, reject
slow_destination_rate_delay = 2s
quick_destination_rate_delay = 2s
ldapsource_server_host = localhost
virtual_alias_maps = proxy:ldap:ldapsource
slow_delivery_slot_cost = 1
relayhost = a
relayhost = b
policy_time_limit = 3600
smtpd_tls_security_level = Dane
smtp_tls_security_level = may
maildrop_time_limit = 60s
lmtp_tls_enable_rpk = no
`,
		"master.cf": `smtp inet n - n - - smtpd
submission inet n - n - - smtpd
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_tls_wrapermode=yes
slow unix - - n - - smtp -o slow_destination_rate_delay=5s
policy unix - n n - - spawn user=nobody argv=/bin/policy
maildrop unix - n n - - pipe flags=DRhu user=vmail argv=/usr/bin/maildrop
smtp inet n - n - 5 smtpd
strict unix n - n - 0 cleanup -o header_checks=regexp:/etc/x
reentry inet n - n - - smtpd -o header_checks= -o cleanup_service_name=strict
`,
	})
	all := conftest.LoadDir(t, dir, conf.WithEnviron([]string{"MTAD_HOPCOUNT_LIMITS=3"})).Check()
	tests := []struct {
		service, parameter string
		status             conf.Status
		note               string
		line               int
	}{
		{"", "smtpd_recipient_limit", conf.StatusEffective, "the recipients that one message may have", 2},
		{"", "biff", conf.StatusAccepted, "users are not told", 3},
		{"", "milter_unknown_command_macros", conf.StatusUnsupported, "use a plugin", 4},
		{"", "masquerade_class", conf.StatusUnknown, "is masquerade_classes meant?", 5},
		{"", "virtual_mailbox_domain", conf.StatusUnknown, "is virtual_mailbox_domains meant?", 6},
		{"", "mynetwork", conf.StatusUnknown, "is mynetworks meant?", 7},
		{"", "enable_sasl_authentification", conf.StatusUnknown, "no value refers to it", 8},
		{"", "insiders_only", conf.StatusEffective, "a restriction class", 9},
		{"", "mua_client_restrictions", conf.StatusEffective, "used by smtpd_client_restrictions", 11},
		{"", "slow_destination_rate_delay", conf.StatusEffective, "of the transport slow", 12},
		{"", "quick_destination_rate_delay", conf.StatusUnknown, "no service named quick", 13},
		{"", "ldapsource_server_host", conf.StatusEffective, "a setting of the table ldap:ldapsource", 14},
		{"", "slow_delivery_slot_cost", conf.StatusAccepted, "of the transport slow", 16},
		{"", "relayhost", conf.StatusEffective, "replaces the value of", 18},
		{"", "policy_time_limit", conf.StatusEffective, "of the transport policy", 19},
		{"", "smtpd_tls_security_level", conf.StatusUnsupported, "the value Dane is not built; none, may", 20},
		{"", "smtp_tls_security_level", conf.StatusEffective, "none, may", 21},
		{"", "lmtp_tls_enable_rpk", conf.StatusAccepted, "the default, which mtad keeps to", 23},
		{"", "hopcount_limits", conf.StatusUnknown, "is hopcount_limit meant?", 0},
		{"", "submission/inet", conf.StatusEffective, "receives over SMTP", 2},
		{"", "policy/unix", conf.StatusEffective, "for each connection", 6},
		{"", "maildrop/unix", conf.StatusEffective, "delivers to a program", 7},
		{"", "maildrop_time_limit", conf.StatusEffective, "of the transport maildrop: how long a program may run", 22},
		{"submission/inet", "smtpd_client_restrictions", conf.StatusEffective, "the rules for connections", 3},
		{"submission/inet", "smtpd_tls_wrapermode", conf.StatusUnknown, "is smtpd_tls_wrappermode meant?", 4},
		{"slow/unix", "slow_destination_rate_delay", conf.StatusAccepted, "as -o of a service it has no effect", 5},
		{"strict/unix", "header_checks", conf.StatusEffective, "", 9},
		{"reentry/inet", "header_checks", conf.StatusAccepted, "as -o of smtpd it has no effect, in Postfix neither", 10},
		{"reentry/inet", "cleanup_service_name", conf.StatusEffective, "", 10},
	}
	for _, tt := range tests {
		f := finding(t, all, tt.service, tt.parameter)
		if f.Status != tt.status || !strings.Contains(f.Note, tt.note) || f.Line != tt.line || f.Bad {
			t.Errorf("got %+v, want %s, %q, line %d", f, tt.status, tt.note, tt.line)
		}
	}
}

func TestCheckWarnsOfASecondDefinition(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf":   "compatibility_level = 3.6\nrelayhost = a\nrelayhost = b\n",
		"master.cf": "smtp inet n - n - - smtpd\nsmtp inet n - n - 5 smtpd\n"})
	want := []string{
		filepath.Join(dir, "main.cf") + ":3: relayhost: replaces the value of " + filepath.Join(dir, "main.cf") + ":2: the host that takes all mail for other systems",
		filepath.Join(dir, "master.cf") + ":1: service smtp/inet is defined again on line 2: this definition is not used",
	}
	if got := conftest.LoadDir(t, dir).Warnings(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestCheckWarnsOfOldDefaults covers the errors 8 and 9 of the list 1.18.
func TestCheckWarnsOfOldDefaults(t *testing.T) {
	f := finding(t, conftest.Load(t, "relay_domains =\n").Check(), "", "compatibility_level")
	for _, want := range []string{"append_dot_mydomain = yes", "mynetworks_style = subnet", "smtputf8_enable = no", "smtpd_relay_restrictions = ;", "set compatibility_level = 3.11"} {
		if !strings.Contains(f.Note+";", want) {
			t.Errorf("no %q in %q", want, f.Note)
		}
	}
	if strings.Contains(f.Note, "relay_domains") || !f.Warn || f.Bad {
		t.Errorf("got %+v", f)
	}
	all := conftest.Load(t, "relay_domains =\nappend_dot_mydomain = no\nmynetworks = 10.0.0.0/8\nsmtpd_relay_restrictions = reject\nsmtputf8_enable = no\n").Check()
	for _, f := range all {
		if f.Parameter == "compatibility_level" {
			t.Errorf("nothing is old in %+v", f)
		}
	}
}

func TestAGoodConfigurationHasNoWarnings(t *testing.T) {
	c := conftest.Load(t, "compatibility_level = 3.11\nmyhostname = mail.example.com\nmydestination = example.com\nsmtp_tls_session_cache_database = btree:/x\n")
	if got := c.Warnings(); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestFindingsAsJSON(t *testing.T) {
	f := finding(t, conftest.Load(t, "hopcount_limit = 3").Check(), "", "hopcount_limit")
	f.File = "main.cf"
	got, err := json.Marshal(f)
	want := `{"parameter":"hopcount_limit","value":"3","status":"effective","note":"the Received fields that a message may have","file":"main.cf","line":1}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("smtpd_banner = $myhostname ${a?{b}:{c}}\nmynetworks = 10.0.0.0/8 !hash:x\nslow_destination_rate_delay=1", "smtp inet n - n - - smtpd -o { a = $b }\nslow unix - - n - - smtp", "a = 1")
	f.Add("mydomain = $myhostname\nmyhostname = $mydomain\ninet_interfaces = $mynetworks", "x", "[[plugin]]\nname = \"a\"")
	f.Add("mynetworks_style = $mynetworks\ncompatibility_level = $compatibility_level", "smtp unix - - - - - smtp -o mynetworks_style=$x", "")
	f.Fuzz(func(t *testing.T, mainCF, masterCF, toml string) {
		if strings.Contains(mainCF+masterCF+toml, "/") {
			return // no file of this machine is read
		}
		c := conftest.ReadDir(t, conftest.Dir(t, map[string]string{"main.cf": mainCF, "master.cf": masterCF, "mtad.toml": toml}))
		for _, f := range c.Check() {
			if f.Note == "" {
				t.Fatalf("a finding that says nothing: %+v", f)
			}
		}
		for _, s := range c.Services() {
			c.For(s).Int("smtpd_recipient_limit")
			c.Transport(s.Name).Int("destination_recipient_limit")
		}
	})
}

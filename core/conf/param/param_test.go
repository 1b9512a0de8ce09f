package param

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mtad/mtad/core/conf/expand"
	"github.com/mtad/mtad/core/conf/postfixtest"
)

func TestTheRegistryCanBeRead(t *testing.T) {
	r, err := load(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.sorted) < 800 {
		t.Fatalf("%d parameters", len(r.sorted))
	}
	for _, p := range r.sorted {
		if Title(p.Area) == "" {
			t.Errorf("%s: area %s has no title", p.Name, p.Area)
		}
		if strings.Contains(p.Text, "TODO") || strings.HasSuffix(p.Text, ".") {
			t.Errorf("%s: text %q", p.Name, p.Text)
		}
	}
}

// TestRowsAreInOrder keeps the files easy to search and to merge.
func TestRowsAreInOrder(t *testing.T) {
	names, _ := filepath.Glob("data/*.tsv")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for line := range strings.SplitSeq(string(text), "\n") {
			if key, _, ok := strings.Cut(line, "\t"); ok && key[0] != '#' {
				rows = append(rows, strings.TrimPrefix(key, "~"))
			}
		}
		if !slices.IsSorted(rows) {
			t.Errorf("%s is not in order", name)
		}
	}
}

// TestDefaultsAreValid expands every default at every interesting compatibility level.
func TestDefaultsAreValid(t *testing.T) {
	computed := map[string]string{"myhostname": "mail.example.com", "mydomain": "example.com", "mynetworks": "127.0.0.0/8"}
	for _, level := range []string{"0", "2", "3.6", "3.11"} {
		computed["compatibility_level"] = level
		lookup := func(name string) (string, bool) {
			p, ok := Find(name)
			if !ok {
				t.Errorf("a default refers to %s, which is no parameter", name)
				return "", false
			}
			if p.Computed {
				return computed[name], true
			}
			return p.Default, true
		}
		for _, p := range All() {
			if p.Type == Raw || p.Computed || p.Old && p.Default == "" {
				continue
			}
			v, err := expand.Expand(p.Default, lookup)
			if err == nil {
				err = p.Check(v, 's')
			}
			if err != nil {
				t.Errorf("%s = %s: %v", p.Name, p.Default, err)
			}
		}
	}
}

// wantedDifferences are the defaults that differ from Postfix's, or depend on how it was built.
var wantedDifferences = strings.Fields(`alias_maps command_directory compatibility_level config_directory daemon_directory
	data_directory html_directory mail_name mail_release_date mail_version manpage_directory meta_directory mydomain
	myhostname mynetworks process_id process_name queue_directory readme_directory sample_directory shlib_directory
	alias_database default_database_type mail_spool_directory tls_eecdh_auto_curves
	smtp_line_length_limit lmtp_line_length_limit`)

// newerDefaults are the defaults that Postfix changed after 3.7.
var newerDefaults = strings.Fields(`import_environment lmtp_tls_security_level proxy_read_maps smtp_tls_dane_insecure_mx_policy
	smtp_tls_security_level smtpd_forbid_bare_newline smtpd_forbid_unauth_pipelining tls_export_cipherlist tls_high_cipherlist
	tls_low_cipherlist tls_medium_cipherlist tls_null_cipherlist tlsproxy_client_policy_maps tlsproxy_client_security_level`)

func TestNamesAndDefaultsArePostfixs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"main.cf", "master.cf"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range postfixtest.Postconf(t, dir, "-d") {
		name, want, _ := strings.Cut(line, " =")
		want = strings.TrimPrefix(want, " ")
		p, ok := Find(name)
		if !ok {
			t.Errorf("%s is not known", name)
			continue
		}
		if p.Default != want && !slices.Contains(wantedDifferences, name) && !slices.Contains(newerDefaults, name) {
			t.Errorf("%s = %q, Postfix has %q", name, p.Default, want)
		}
	}
}

func TestEffectiveNames(t *testing.T) {
	names := EffectiveNames()
	for _, want := range []string{"myhostname", "smtpd_banner", "message_size_limit", "maximal_queue_lifetime"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among the effective parameters", want)
		}
	}
	if slices.Contains(names, "milter_unknown_command_macros") {
		t.Error("milter_unknown_command_macros is said to be effective")
	}
}

func TestCheck(t *testing.T) {
	tests := []struct{ name, good, bad, want string }{
		{"smtpd_recipient_limit", "1 1000", "0 ten 10k", ""},
		{"smtpd_timeout", "300s 5m 10", "0s 5x", ""},
		{"maximal_queue_lifetime", "5d 0 100d", "101d -1d", ""},
		{"smtpd_helo_required", "yes No", "true 1", ""},
		{"mynetworks_style", "host SUBNET class", "world", "host, subnet, class"},
		{"smtp_tls_security_level", "may encrypt dane-only", "maybe", "none, may"},
		{"reject_code", "554 450", "99 600 x", ""},
		{"myhostname", "mail.example.com a_b x", "a..b -a a- a.b. a,b", "bad label"},
		{"message_size_limit", "0 10240000", "10M -1", ""},
		{"smtpd_banner", "anything", "", ""},
	}
	for _, tt := range tests {
		p, ok := Find(tt.name)
		if !ok {
			t.Fatalf("%s is not known", tt.name)
		}
		for _, v := range strings.Fields(tt.good) {
			if err := p.Check(v, 'd'); err != nil {
				t.Errorf("%s = %s: %v", tt.name, v, err)
			}
		}
		for _, v := range strings.Fields(tt.bad) {
			if err := p.Check(v, 'd'); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s = %s: %v, want an error with %q", tt.name, v, err, tt.want)
			}
		}
	}
	host, _ := Find("myhostname")
	for _, v := range []string{"", strings.Repeat("a", 64), strings.Repeat("a.", 130) + "a"} {
		if host.Check(v, 's') == nil {
			t.Errorf("%q is a host name", v)
		}
	}
}

func TestCheckElement(t *testing.T) {
	classes, _ := Find("notify_classes")
	if err := classes.CheckElement("Bounce"); err != nil {
		t.Error(err)
	}
	if err := classes.CheckElement("bounces"); err == nil || !strings.Contains(err.Error(), "2bounce") {
		t.Errorf("got %v", err)
	}
	words, _ := Find("inet_interfaces")
	if err := words.CheckElement("anything"); err != nil || !words.IsList() || words.IsNumber() {
		t.Error(err)
	}
}

func TestTransports(t *testing.T) {
	tests := []struct{ name, transport, fallback string }{
		{"slow_destination_concurrency_limit", "slow", "default_destination_concurrency_limit"},
		{"smtp-amavis_destination_recipient_limit", "smtp-amavis", "default_destination_recipient_limit"},
		{"slow_initial_destination_concurrency", "slow", "initial_destination_concurrency"},
		{"policy-spf_time_limit", "policy-spf", "command_time_limit"},
		{"a_b_destination_rate_delay", "a_b", "default_destination_rate_delay"},
		{"slow_extra_recipient_limit", "slow", "default_extra_recipient_limit"},
	}
	for _, tt := range tests {
		transport, fallback, ok := SplitTransport(tt.name)
		if !ok || transport != tt.transport || fallback.Name != tt.fallback {
			t.Errorf("%s is %s, %v, %v", tt.name, transport, fallback, ok)
		}
	}
	for _, name := range []string{"smtpd_recipient_limit", "local_destination_recipient_limit", "command_time_limit", "_recipient_limit", "recipient_limit", "foo"} {
		if transport, _, ok := SplitTransport(name); ok {
			t.Errorf("%s belongs to the transport %q", name, transport)
		}
	}
	for _, s := range TransportSuffixes() {
		if _, ok := OfTransport(s); !ok {
			t.Errorf("%s has no parameter that counts otherwise", s)
		}
	}
	if _, ok := OfTransport("colour"); ok {
		t.Error("a transport has a colour")
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"masquerade_class":       "masquerade_classes",
		"virtual_mailbox_domain": "virtual_mailbox_domains",
		"mynetwork":              "mynetworks",
		"relay_recipients_map":   "relay_recipient_maps",
		"myhostnmae":             "myhostname",
		"smtpd_relay_restrction": "smtpd_relay_restrictions",
		"colour":                 "",
		"mua_helo_restrictions":  "",
	} {
		if got := Nearest(name); got != want {
			t.Errorf("nearest to %s is %q, want %q", name, got, want)
		}
	}
	if got := Nearest("slwo_rate", "slow_rate"); got != "slow_rate" {
		t.Errorf("got %q", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	for row, want := range map[string]string{
		"a\tint\t1":                                   "columns",
		"a\tcolour\tred\teffective\tx":                `type "colour"`,
		"a\tint\t1\tsometimes\tx":                     `effect "sometimes"`,
		"a\tint\t1\teffective\t":                      "no text",
		"a\tint 1-2\t1\teffective\tx":                 `range "1-2"`,
		"a\tint 1..x\t1\teffective\tx":                `range "1..x"`,
		"a\tint\t1\taccepted\tx\na\tint\t1\tbad\tx":   "effect",
		"a\tint\t1\taccepted\tx\na\tint\t1\taccepted": "stands in",
	} {
		_, err := load(fstest.MapFS{"data/x.tsv": {Data: []byte("#default-accepted\ty\n" + row + "\n")}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want an error with %q", row, err, want)
		}
	}
}

func FuzzNearest(f *testing.F) {
	f.Add("mynetwork", "mynetworks")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 200 {
			return
		}
		if d, back := distance(a, b, 1000), distance(b, a, 1000); d != back || d > max(len(a), len(b)) || (d == 0) != (a == b) {
			t.Fatalf("%q to %q is %d, back %d", a, b, d, back)
		}
	})
}

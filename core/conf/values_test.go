package conf_test

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
	"github.com/mtad/mtad/core/conf/domainlist"
)

func TestTypedValues(t *testing.T) {
	c := conftest.Load(t, `compatibility_level = 3.6
message_size_limit = 5000000000
maximal_queue_lifetime = 3
delay_warning_time = 4
queue_run_delay = 10m
soft_bounce = YES
smtpd_soft_error_limit = ${limit}
limit = 7
smtpd_noop_commands = a, b { c d }
default_rbl_reply = $rbl_code blocked
`)
	if got := c.Size("message_size_limit"); got != 5_000_000_000 {
		t.Errorf("message_size_limit is %d", got)
	}
	for name, want := range map[string]time.Duration{"maximal_queue_lifetime": 72 * time.Hour, "delay_warning_time": 4 * time.Hour,
		"queue_run_delay": 10 * time.Minute, "smtpd_timeout": 300 * time.Second, "smtp_connect_timeout": 30 * time.Second} {
		if got := c.Duration(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if !c.Bool("soft_bounce") || c.Bool("smtpd_helo_required") || !c.Bool("smtputf8_enable") || c.Bool("append_dot_mydomain") {
		t.Error("booleans")
	}
	if c.Int("smtpd_soft_error_limit") != 7 || c.Int("smtpd_hard_error_limit") != 20 || c.Int("reject_code") != 554 {
		t.Error("numbers")
	}
	if got := c.List("smtpd_noop_commands"); !slices.Equal(got, []string{"a", "b", "{ c d }"}) {
		t.Errorf("list %q", got)
	}
	if got := c.String("default_rbl_reply"); got != "$rbl_code blocked" {
		t.Errorf("a raw parameter was expanded: %q", got)
	}
	if got := c.String("smtpd_banner"); got != "mail.example.com ESMTP mtad" {
		t.Errorf("banner %q", got)
	}
	if got := c.String("smtp_destination_recipient_limit"); got != "50" {
		t.Errorf("the parameter of a transport is %q", got)
	}
	if !c.Has("notify_classes", "SOFTWARE") || c.Has("notify_classes", "bounce") {
		t.Error("words of a list")
	}
	if got, err := c.Expand("$myhostname ${nobody:x}"); err != nil || got != "mail.example.com x" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStressChangesDefaults(t *testing.T) {
	c := conftest.Load(t, "compatibility_level = 3.6")
	s := c.With("stress", "yes")
	if c.Int("smtpd_hard_error_limit") != 20 || s.Int("smtpd_hard_error_limit") != 1 || s.Duration("smtpd_timeout") != 10*time.Second {
		t.Error("stress has no effect, or has it everywhere")
	}
	if v := s.For(c.Services()[0]); v.Int("smtpd_hard_error_limit") != 1 || v.String("service_name") != "smtp" {
		t.Error("a view of a view loses its settings")
	}
}

func TestReadingWhatIsNoParameterPanics(t *testing.T) {
	c := conftest.Load(t, "")
	for name, read := range map[string]func(){
		"no parameter":            func() { c.String("smtpd_banana") },
		"a string as a number":    func() { c.Int("smtpd_banner") },
		"a number as a boolean":   func() { c.Bool("hopcount_limit") },
		"a boolean as a time":     func() { c.Duration("biff") },
		"a time as a list":        func() { c.List("queue_run_delay") },
		"a list as a match list":  func() { c.Items("notify_classes") },
		"domains as networks":     func() { _, _ = c.Networks("mydestination", nil) },
		"networks as domains":     func() { _, _ = c.Domains("mynetworks", nil) },
		"no suffix of transports": func() { c.Transport("smtp").Int("colour") },
		"a time of a transport":   func() { c.Transport("smtp").Int("destination_rate_delay") },
		"a number as its time":    func() { c.Transport("smtp").Duration("destination_recipient_limit") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "conf: the program reads ") {
					t.Errorf("got %q", text)
				}
			}()
			read()
		})
	}
}

func TestTransport(t *testing.T) {
	c := conftest.Load(t, `slow_destination_rate_delay = 2m
slow_destination_concurrency_limit = 3
default_destination_concurrency_limit = 15
relay_initial_destination_concurrency = 2
slow_destination_concurrency_positive_feedback = 1/8
`)
	for transport, want := range map[string][2]int{"slow": {3, 5}, "smtp": {15, 5}, "relay": {15, 2}, "local": {2, 5}} {
		tr := c.Transport(transport)
		if got := [2]int{tr.Int("destination_concurrency_limit"), tr.Int("initial_destination_concurrency")}; got != want {
			t.Errorf("%s has %v, want %v", transport, got, want)
		}
	}
	if c.Transport("slow").Duration("destination_rate_delay") != 2*time.Minute || c.Transport("smtp").Duration("time_limit") != 1000*time.Second {
		t.Error("times")
	}
	if got := c.Transport("slow").String("destination_concurrency_positive_feedback"); got != "1/8" {
		t.Errorf("got %q", got)
	}
}

func TestServices(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf": "default_process_limit = 7\nmua = reject\nsmtp_fallback_relay = backup\n",
		"master.cf": `smtp inet n - n - - smtpd
submission inet n - n - 20 smtpd
  -o syslog_name=postfix/$service_name -o { smtpd_client_restrictions = permit_mynetworks, $mua }
relay unix - - n - - smtp
  -o smtp_fallback_relay=
smtp inet n - n - 5 smtpd
`})
	c := conftest.LoadDir(t, dir)
	s := c.Services()
	if len(s) != 3 || s[0].Name != "submission" || s[0].Limit != 20 || s[1].Limit != 7 || s[2].Limit != 5 {
		t.Fatalf("got %+v", s)
	}
	sub := c.For(s[0])
	if got := sub.String("syslog_name"); got != "postfix/submission" {
		t.Errorf("syslog_name %q", got)
	}
	if got := sub.String("smtpd_client_restrictions"); got != "permit_mynetworks, reject" {
		t.Errorf("restrictions %q", got)
	}
	if got := c.For(s[1]).List("smtp_fallback_relay"); len(got) != 0 { // row J09
		t.Errorf("the empty override does not count: %q", got)
	}
	if got := c.List("smtp_fallback_relay"); len(got) != 1 || c.String("service_name") != "" {
		t.Errorf("a view changed the whole: %q", got)
	}
	if got := sub.String("process_name"); got != "smtpd" {
		t.Errorf("process_name %q", got)
	}
}

func TestWithoutMasterCfThereAreTheServicesOfPostfix(t *testing.T) {
	names := map[string]string{}
	for _, s := range conftest.Load(t, "").Services() {
		names[s.String()] = s.Program
	}
	for name, program := range map[string]string{"smtp/inet": "smtpd", "smtp/unix": "smtp", "relay/unix": "smtp", "local/unix": "local",
		"virtual/unix": "virtual", "lmtp/unix": "lmtp", "retry/unix": "error", "cleanup/unix": "cleanup", "rewrite/unix": "trivial-rewrite"} {
		if names[name] != program {
			t.Errorf("%s runs %q", name, names[name])
		}
	}
	if names["submission/inet"] != "" {
		t.Error("submission is not a default service")
	}
}

func TestMatchLists(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{"nets": "# lab\n10.0.0.0/8\n"})
	c := conftest.Load(t, "compatibility_level = 3.6\nmydomain = example.com\nmydestination = $myhostname www.$mydomain, ftp.$mydomain\nrelay_domains = Example.net, !secret.example.org, example.org\n"+
		"mynetworks = !192.168.0.1, 192.168.0.0/28 "+dir+"/nets\nvirtual_mailbox_domains = .example.net\n")
	check := func(name, yes, no string) {
		t.Helper()
		l, err := c.Domains(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for want, domains := range map[bool]string{true: yes, false: no} {
			for _, d := range strings.Fields(domains) {
				if got, err := l.Match(t.Context(), d); err != nil || got != want {
					t.Errorf("%s in %s: %v, %v", d, name, got, err)
				}
			}
		}
	}
	check("mydestination", "mail.example.com www.example.com FTP.example.com", "example.com a.www.example.com localhost")
	check("relay_domains", "example.net a.example.net example.org a.example.org", "secret.example.org a.secret.example.org net")
	check("virtual_mailbox_domains", ".example.net", "a.example.net")
	nets, err := c.Networks("mynetworks", nil)
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]bool{"192.168.0.1": false, "192.168.0.2": true, "10.1.2.3": true, "11.0.0.1": false} {
		if got, err := nets.Match(t.Context(), netip.MustParseAddr(a)); err != nil || got != want {
			t.Errorf("%s: %v, %v", a, got, err)
		}
	}
	if items := c.Items("mynetworks"); len(items) != 3 || items[2].Line != 2 {
		t.Errorf("items %+v", items)
	}
}

func TestATableThatDoesNotOpenIsAnError(t *testing.T) {
	c := conftest.Load(t, "relay_domains = hash:/x\nmynetworks = hash:/x\n")
	if _, err := c.Domains("relay_domains", nil); err == nil || !strings.HasPrefix(err.Error(), "relay_domains: ") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Networks("mynetworks", nil); err == nil || !strings.HasPrefix(err.Error(), "mynetworks: ") {
		t.Errorf("got %v", err)
	}
}

func TestSubdomains(t *testing.T) {
	c := conftest.Load(t, "parent_domain_matches_subdomains = smtpd_access_maps, mydestination")
	for name, want := range map[string]domainlist.Subdomains{"mydestination": domainlist.None, "virtual_alias_domains": domainlist.None,
		"smtpd_access_maps": domainlist.Parents, "relay_domains": domainlist.Dotted} {
		if got := c.Subdomains(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestTLSLevel(t *testing.T) {
	for text, want := range map[string]string{
		"": "none", "smtpd_use_tls = yes": "may", "smtpd_enforce_tls = yes\nsmtpd_use_tls = yes": "encrypt",
		"smtpd_tls_security_level = none\nsmtpd_use_tls = yes": "none", "smtpd_tls_security_level = encrypt": "encrypt",
	} {
		if got := conftest.Load(t, text).TLSLevel("smtpd"); got != want {
			t.Errorf("%q gives %s", text, got)
		}
	}
	if got := conftest.Load(t, "compatibility_level = 3.11").TLSLevel("smtp"); got != "may" {
		t.Errorf("the client's default is %s", got)
	}
}

func TestConcurrentReaders(t *testing.T) {
	c := conftest.Load(t, "a = $myhostname\nsmtpd_banner = $a ${mynetworks}\n")
	services := c.Services()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, s := range services {
				v := c.For(s)
				if v.String("smtpd_banner") != c.String("smtpd_banner") || len(v.List("mydestination")) != 3 {
					t.Error("readers differ")
				}
			}
			if _, err := c.OwnAddresses(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkLoad(b *testing.B) {
	dir := conftest.Dir(b, map[string]string{"main.cf": "compatibility_level = 3.6\nmyhostname = a.example.com\n"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conf.Load(dir, conftest.Options()...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkString(b *testing.B) {
	c := conftest.Load(b, "")
	b.ReportAllocs()
	for b.Loop() {
		c.String("smtpd_banner")
	}
}

package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
	"github.com/mtad/mtad/pipeline/audit"
)

// There is nothing to say about the samples, but that the keys of their servers are the reader's.
func TestTheSamplesAreGood(t *testing.T) {
	files, err := filepath.Glob("../../configs/*/main.cf")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, f := range files {
		c, err := conf.Load(filepath.Dir(f), conf.WithEnviron(nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range audit.Run(c) {
			if !strings.Contains(finding.Parameter, "_tls_") {
				t.Error(finding)
			}
		}
	}
}

// notes returns what is said about a parameter, a line each, with the service it is about.
func notes(c *conf.Config, parameter string) string {
	var b strings.Builder
	for _, f := range audit.Run(c) {
		if f.Parameter == parameter {
			b.WriteString(f.Service + ": " + f.Note + "\n")
		}
	}
	return b.String()
}

func TestEachServiceIsLookedAtWithItsOwnSettings(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf": "compatibility_level = 3.6\nsmtpd_relay_restrictions = reject_unauth_destination\n",
		"master.cf": "25 inet n - n - - smtpd\n587 inet n - n - - smtpd -o smtpd_relay_restrictions=permit\n" +
			"465 inet n - n - - smtpd -o smtpd_relay_restrictions=permit,reject\n10026 inet n - n - - smtpd -o smtpd_recipient_restrictions=permit_mynetworks,reject -o smtpd_relay_restrictions=\n",
	})
	got := notes(conftest.LoadDir(t, dir), "smtpd_relay_restrictions")
	want := []string{"587/inet: nothing refuses to relay for strangers", "465/inet: reject is never reached", "465/inet: an open relay: permit stands before"}
	for _, w := range want {
		if strings.Count(got, w) != 1 {
			t.Errorf("not once: %s", w)
		}
	}
	if strings.Count(got, "\n") != len(want) {
		t.Errorf("got\n%s", got)
	}
}

func TestAServerThatHasNoRulesOfMainCFIsNotHeldToThem(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf":   "compatibility_level = 3.6\nsmtpd_relay_restrictions = permit_mynetworks\n",
		"master.cf": "25 inet n - n - - smtpd -o smtpd_relay_restrictions=permit_mynetworks,reject\n",
	})
	if got := notes(conftest.LoadDir(t, dir), "smtpd_relay_restrictions"); got != "" {
		t.Errorf("got\n%s", got)
	}
}

func TestKeysOfServers(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf": "compatibility_level = 3.6\nsmtpd_tls_security_level = may\nsmtpd_tls_cert_file = $config_directory/none.pem\n" +
			"smtp_tls_security_level = may\nsmtp_tls_CAfile = $config_directory/ca.pem\n",
		"master.cf": "25 inet n - n - - smtpd\n465 inet n - n - - smtpd -o smtpd_tls_chain_files=$config_directory/text\n",
		"text":      "no key\n",
	})
	c := conftest.LoadDir(t, dir)
	if got := notes(c, "smtpd_tls_cert_file"); !strings.Contains(got, "no such file") {
		t.Errorf("got %q", got)
	}
	if got := notes(c, "smtpd_tls_chain_files"); !strings.Contains(got, "/text: no private key with its certificates") {
		t.Errorf("got %q", got)
	}
	if got := notes(c, "smtp_tls_CAfile"); !strings.Contains(got, "no such file") {
		t.Errorf("got %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("compatibility_level = 3.6\nsmtpd_tls_cert_file = /nosuch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "master.cf")); err != nil {
		t.Fatal(err)
	}
	if got := notes(conftest.LoadDir(t, dir), "smtpd_tls_cert_file"); got != "" {
		t.Errorf("without TLS: %q", got)
	}
}

func TestWhatTheDaemonMakesNeedNotBeThere(t *testing.T) {
	dir := conftest.Dir(t, map[string]string{
		"main.cf":   "compatibility_level = 3.6\nmyhostname = h.example.com\nalias_maps =\nalias_database =\naddress_verify_map = btree:/nosuch/verify_cache\n",
		"master.cf": "25 inet n - n - - smtpd\nverify unix - - y - 1 verify\n",
	})
	for _, f := range audit.Run(conftest.LoadDir(t, dir)) {
		t.Error(f)
	}
}

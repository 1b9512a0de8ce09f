package conf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/conftest"
)

func TestServicesAreTakenAwayByTypeOrName(t *testing.T) {
	for value, want := range map[string]string{
		"":                           "smtp/inet 587/inet smtp/unix policy/unix",
		"smtp/inet":                  "587/inet smtp/unix policy/unix",
		"inet":                       "smtp/unix policy/unix",
		"!587/inet, inet":            "587/inet smtp/unix policy/unix",
		"inet, !587/inet":            "smtp/unix policy/unix", // the first decides
		"unix inet":                  "",
		"smtp":                       "smtp/inet 587/inet smtp/unix policy/unix",
		"all, *, smtp/*":             "smtp/inet 587/inet smtp/unix policy/unix",
		"!smtp/unix, unix, 587/pass": "smtp/inet 587/inet smtp/unix",
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"main.cf": "compatibility_level = 3.6\nmaster_service_disable = " + value + "\n",
			"master.cf": "smtp inet n - n - - smtpd\n587 inet n - n - - smtpd\nsmtp unix - - n - - smtp\npolicy unix - n n - - spawn user=nobody argv=/bin/cat\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c := conftest.LoadDir(t, dir)
		var got []string
		for _, s := range c.Services() {
			got = append(got, s.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

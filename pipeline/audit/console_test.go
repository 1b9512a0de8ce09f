package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/conftest"
	"github.com/mtad/mtad/pipeline/console"
)

func TestTheConsoleOfAConfiguration(t *testing.T) {
	entry, err := console.Entry("alice", console.View, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	const file = "console_password_file = $config_directory/accounts\n"
	const local = file + "admin_address = 127.0.0.1:8025\n"
	for name, c := range map[string]struct {
		main, accounts string
		mode           os.FileMode
		parameter      string
		want           string // "" for nothing
	}{
		"is fit":                              {local, entry, 0o600, "console_password_file", ""},
		"is fit with comments":                {local, "# us\n\n" + entry, 0o640, "console_password_file", ""},
		"has no address":                      {file, entry, 0o600, "console_password_file", "the console has no address: set admin_address"},
		"has a file that strangers read":      {local, entry, 0o644, "console_password_file", "others may use it (mode 0644; 0640 will do): nobody can log in"},
		"has a bad line":                      {local, entry + "\nbob:boss:x", 0o600, "console_password_file", `line 2: no such right: "boss"`},
		"has no account":                      {local, "# none\n", 0o600, "console_password_file", "no account (mtad console password makes one)"},
		"has no file":                         {"console_password_file = $config_directory/none\nadmin_address = 127.0.0.1:8025\n", "", 0o600, "console_password_file", "none: no such file"},
		"has a name with a port":              {local + "console_hosts = mail.example.com:8025\n", entry, 0o600, "console_hosts", "write the name without one"},
		"has an address without brackets":     {local + "console_hosts = ::1\n", entry, 0o600, "console_hosts", "in brackets: [::1]"},
		"has a page for a name":               {local + "console_hosts = https://mail.example.com/\n", entry, 0o600, "console_hosts", "a host name is wanted"},
		"has good names":                      {local + "console_hosts = localhost [::1] mail.example.com\n", entry, 0o600, "console_hosts", ""},
		"has no client":                       {local + "console_networks =\n", entry, 0o600, "console_networks", "nobody may use the console"},
		"has the world for clients":           {local + "console_networks = 0.0.0.0/0\n", entry, 0o600, "console_networks", "is the whole world"},
		"has clients":                         {local + "console_networks = 127.0.0.0/8 10.0.0.0/8\n", entry, 0o600, "console_networks", ""},
		"is on the network":                   {file + "admin_address = 192.0.2.1:8025\n", entry, 0o600, "admin_address", "cross the network as they are"},
		"is on the network by a name of none": {file + "admin_address = 192.0.2.1:8025\n", entry, 0o600, "console_hosts", "lacks 192.0.2.1"},
		"is on every address":                 {file + "admin_address = :8025\n", entry, 0o600, "admin_address", "cross the network as they are"},
		"is on this host":                     {local, entry, 0o600, "admin_address", ""},
		"is not wanted":                       {"console_hosts = a:1\nconsole_networks =\n", "", 0o600, "console_hosts", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := conftest.Dir(t, map[string]string{"main.cf": "compatibility_level = 3.6\n" + c.main, "accounts": c.accounts})
			if err := os.Chmod(filepath.Join(dir, "accounts"), c.mode); err != nil {
				t.Fatal(err)
			}
			got := notes(conftest.LoadDir(t, dir), c.parameter)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

package dovecottest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const config = `base_dir = %DIR%/run
state_dir = %DIR%/run
log_path = %DIR%/log
protocols =
ssl = no
default_internal_user = %USER%
default_internal_group = %GROUP%
default_login_user = %USER%
auth_mechanisms = plain login cram-md5 scram-sha-256
disable_plaintext_auth = no
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = %DIR%/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/
}
service auth {
  user = %USER%
  unix_listener auth {
    mode = 0666
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
`

// patience is how long the service may take to begin.
const patience = 60 * time.Second

// Start runs a service with users, one "name:{SCHEME}hash" each, until the test ends, and returns
// the path of its socket. Mechanisms are PLAIN, LOGIN, CRAM-MD5 and SCRAM-SHA-256.
func Start(t testing.TB, users ...string) (socket string) {
	t.Helper()
	program := find(t)
	dir, err := os.MkdirTemp("", "auth") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	owner, group, credential := identity(t)
	text := strings.NewReplacer("%DIR%", dir, "%USER%", owner, "%GROUP%", group).Replace(config)
	write(t, filepath.Join(dir, "dovecot.conf"), text)
	write(t, filepath.Join(dir, "users"), strings.Join(users, "\n")+"\n")
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if credential != nil {
		give(t, dir, credential)
	}
	cmd := exec.Command(program, "-F", "-c", filepath.Join(dir, "dovecot.conf"))
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: credential}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	socket = filepath.Join(dir, "run", "auth")
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err == nil {
			_ = c.Close()
			return socket
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("Dovecot does not listen: %v\n%s", err, log)
		}
	}
}

func find(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"dovecot", "/usr/sbin/dovecot"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("MTAD_DEMAND_PEERS") != "" {
		t.Fatal("needs dovecot: apt-get install dovecot-core")
	}
	t.Skip("needs dovecot: apt-get install dovecot-core")
	return ""
}

// identity is whom the service runs as: this user, or nobody if that is root.
func identity(t testing.TB) (owner, group string, credential *syscall.Credential) {
	t.Helper()
	u, err := user.Current()
	if err == nil && u.Uid == "0" {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		return u.Username, g.Name, nil
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		t.Fatal(fmt.Errorf("%v %v", err1, err2))
	}
	return u.Username, g.Name, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func give(t testing.TB, dir string, to *syscall.Credential) {
	t.Helper()
	for _, name := range []string{"", "dovecot.conf", "users", "run"} {
		if err := os.Chown(filepath.Join(dir, name), int(to.Uid), int(to.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", "run"} { // whatever the umask: those who ask are other users
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

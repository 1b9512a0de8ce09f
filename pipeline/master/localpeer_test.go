package master_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// localAliases is what both mail systems have in alias_maps; %D is a folder of their own.
const localAliases = `exit0: "|exit 0"
exit64: "|exit 64"
exit65: "|exit 65"
exit67: "|exit 67"
exit70: "|exit 70"
exit75: "|exit 75"
exit77: "|exit 77"
exit78: "|exit 78"
exit1: "|exit 1"
says: "|echo 5.7.9 go away; exit 1"
shown: "|echo hello"
tofile: %D/file
tomaildir: %D/dir/
tonull: /dev/null
loop: pool
pool: loop
included: :include:%D/list
restricted: :include:%D/commands
restrictedfile: :include:%D/files
missing: :include:%D/none
chain: chain2
chain2: tonull
unknown: nosuch
remote: somebody@remote.test
`

// localFates are the aliases whose ends both mail systems log alike.
func localFates() []string {
	return strings.Fields("exit0 exit64 exit65 exit67 exit70 exit75 exit77 exit78 exit1 says shown tofile tonull loop included restricted restrictedfile chain unknown nosuch")
}

// localFolder makes a folder with what the aliases name, that nobody may write.
func localFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "local")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	for _, sub := range []string{"", "/dir"} {
		if err := os.MkdirAll(dir+sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir+sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir+sub, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"aliases": strings.ReplaceAll(localAliases, "%D", dir), "list": "# members\ntonull\n", "commands": "\"|exit 0\"\n", "files": "/dev/null\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Every disposition of an alias comes to the same address, code, word and text in both logs.
func TestAliasesEndAsWithPostfix(t *testing.T) {
	needOwner(t)
	p := preparePostfix(t, "[127.0.0.1]:9")
	theirs, ours := localFolder(t), localFolder(t)
	if out, err := exec.Command("postalias", "-c", p.etc, "hash:"+theirs+"/aliases").CombinedOutput(); err != nil {
		t.Fatalf("postalias: %v: %s", err, out)
	}
	lines := func(dir string) []string {
		return []string{"mydestination = here.test", "myorigin = here.test", "alias_maps = hash:" + dir + "/aliases", "default_privs = nobody", "transport_maps = inline:{remote.test=discard:}"}
	}
	d := newDaemon(t, append(lines(ours), "mail_owner = postfix")...)
	d.reachable()
	d.run()
	p.runWith(t, "", lines(theirs)...)
	front := *d
	front.addr = p.addr
	for _, fate := range localFates() {
		d.post("a@sender.test", fate+"@here.test", []byte("Subject: x\r\n\r\n"))
		front.post("a@sender.test", fate+"@here.test", []byte("Subject: x\r\n\r\n"))
	}
	d.post("a@sender.test", "remote@here.test", []byte("Subject: x\r\n\r\n"))
	for _, fate := range localFates() {
		line := `to=<(` + fate + `@here\.test|[^>]*>, orig_to=<` + fate + `@here\.test)>, relay=local, .*dsn=([0-9.]+), status=(\w+) (\(.*)\)\n`
		got, want := d.log.wait(t, line), p.log.wait(t, line)
		mine := fmt.Sprintf("%q", got[1:])
		want[4] = strings.TrimRight(strings.ReplaceAll(want[4], theirs, ours), " ")
		his := fmt.Sprintf("%q", want[1:])
		if mine != his {
			t.Errorf("%s: mtad says\n%s\nPostfix says\n%s", fate, mine, his)
		}
	}
	got := d.log.wait(t, `to=<remote@here\.test>, relay=local, .*dsn=2\.0\.0, status=sent \(forwarded as ([0-9A-Za-z]+)\)`)
	d.log.wait(t, regexp.QuoteMeta(got[1])+`: to=<somebody@remote\.test>, orig_to=<remote@here\.test>, relay=none, .*status=sent`)
}

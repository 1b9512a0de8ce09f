package master_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// localCase is mail to one account of this machine, or to an alias, whose end Postfix and mtad see alike.
type localCase struct {
	user string
	// forward is the account's .forward file, mode that of it, owner who has it instead.
	forward string
	mode    os.FileMode
	owner   string
	// times is how often mail is sent, once when 0.
	times int
	// words says that the texts are equal too; else the code and what became of it.
	words bool
	// waits says that mtad defers what Postfix returns, with the same code but for its class: it is
	// the admin's mistake or the user's, and mail is not lost by it.
	waits bool
}

// localCases need the accounts that every Debian has. %D is a folder.
func localCases() []localCase {
	return []localCase{
		{user: "daemon", forward: "%D/daemon.file\n", words: true},
		{user: "games", forward: "\"|exit 77\"\n", words: true},
		{user: "man", forward: "%D/never\n", mode: 0o666, words: true},   // anybody may write it: it does not count
		{user: "lp", forward: "%D/never\n", owner: "games", words: true}, // nor does another's
		{user: "news", forward: "# nothing\n", words: true},
		{user: "proxy", forward: "proxy\n", words: true},
		{user: "backup", forward: "\\backup, \"|exit 67\"\n", words: true},
		{user: "list", forward: ":include:%D/readable\n", words: true},
		{user: "irc", forward: ":include:%D/none\n", words: true, waits: true},
		{user: "sync", forward: "\"|echo 4.2.9 later; exit 1\"\n", words: true},
		{user: "bin", words: true},      // mailbox_command_maps: exit 67
		{user: "sys", words: true},      // mailbox_command_maps: an enhanced code
		{user: "mail"},                  // mailbox_transport_maps
		{user: "www-data", words: true}, // a mailbox that is delivered to
		{user: "uucp", times: 3},        // the third message is over mailbox_size_limit
		{user: "_apt", waits: true},     // a mailbox that is a symbolic link
		{user: "nobody+ext", words: true},
		{user: "fallen", words: true}, // fallback_transport_maps
		{user: "no-such-user", words: true},
		{user: "noinclude", words: true, waits: true},
		{user: "relative", words: true, waits: true},
		{user: "dirinclude", words: true, waits: true},
		{user: "openinclude", words: true, waits: true},
		{user: "commandinclude", words: true},
		{user: "fileinclude", words: true},
		{user: "norights", waits: true},
		{user: "notthere", waits: true},
		{user: "killed", words: true},
		{user: "nodir", waits: true},
	}
}

// localGoldenAliases lead to what cannot be, and to what may not be.
const localGoldenAliases = `noinclude: :include:%D/none
relative: :include:none
dirinclude: :include:%D/spool
openinclude: :include:%D/open
commandinclude: :include:%D/commands
fileinclude: :include:%D/files
norights: %D/aliases/x
notthere: %D/none/file
killed: "|kill -9 $$"
nodir: /none/dir/
`

// localGoldenFolder makes a folder for one mail system.
func localGoldenFolder(t *testing.T) string {
	t.Helper()
	dir := localFolder(t)
	write := func(name, text string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "%D", dir)), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("aliases", localGoldenAliases, 0o644)
	write("readable", "/dev/null\n", 0o644)
	write("open", "www-data\n", 0o666)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"spool", "forward"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir+"/spool", 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/target", dir+"/spool/_apt"); err != nil {
		t.Fatal(err)
	}
	for _, c := range localCases() {
		if c.forward == "" {
			continue
		}
		mode, owner := c.mode, c.owner
		if mode == 0 {
			mode = 0o644
		}
		if owner == "" {
			owner = c.user
		}
		write("forward/"+c.user, c.forward, mode)
		uid, err := strconv.Atoi(strings.TrimSpace(command(t, "id", "-u", owner)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir+"/forward/"+c.user, uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What becomes of mail to accounts, their .forward files, commands, transports, include files and full
// mailboxes is what becomes of it with Postfix: code, word and, where it names nothing that is private,
// text.
func TestLocalMailEndsAsWithPostfix(t *testing.T) {
	needOwner(t)
	p := preparePostfix(t, "[127.0.0.1]:9")
	theirs, ours := localGoldenFolder(t), localGoldenFolder(t)
	if out, err := exec.Command("postalias", "-c", p.etc, "hash:"+theirs+"/aliases").CombinedOutput(); err != nil {
		t.Fatalf("postalias: %v: %s", err, out)
	}
	lines := func(dir string) []string {
		return []string{"mydestination = here.test", "myorigin = here.test", "alias_maps = hash:" + dir + "/aliases", "default_privs = nobody",
			"forward_path = " + dir + "/forward/$user", "mail_spool_directory = " + dir + "/spool", "message_size_limit = 1500", "mailbox_size_limit = 2000",
			"mailbox_command_maps = inline:{{bin=exit 67},{sys=echo 5.7.9 not so; exit 3}}", "mailbox_transport_maps = inline:{{mail=discard:}}",
			"fallback_transport_maps = inline:{{fallen=error:5.2.1 fallen}}", "recipient_delimiter = +", "allow_mail_to_commands = alias, forward",
			"deliver_lock_attempts = 2", "mailbox_delivery_lock = fcntl"}
	}
	d := newDaemon(t, append(lines(ours), "mail_owner = postfix", "local_header_rewrite_clients =")...)
	d.reachable()
	d.run()
	p.runWith(t, "", lines(theirs)...)
	front := *d
	front.addr = p.addr
	for _, c := range localCases() {
		for range max(c.times, 1) {
			for _, server := range []*daemon{d, &front} {
				server.post("a@sender.test", c.user+"@here.test", []byte("Subject: x\r\n\r\n"+strings.Repeat("y", 60)+"\r\n"+strings.Repeat(strings.Repeat("z", 60)+"\r\n", 8)))
			}
		}
	}
	ends := func(l *logbook, c localCase, dir string) []string {
		who := regexp.QuoteMeta(c.user)
		line := `(?:to=<` + who + `@here\.test>|to=<[^>]*>, orig_to=<` + who + `@here\.test>), (?:orig_to=<[^>]*>, )?relay=(\w+), .*dsn=([0-9.]+), status=(\w+) (\(.*\))\n`
		l.waitCount(t, line, max(c.times, 1))
		var all []string
		for _, m := range regexp.MustCompile(line).FindAllStringSubmatch(l.String(), -1) {
			end := fmt.Sprintf("relay=%s, dsn=%s, status=%s", m[1], m[2], m[3])
			if c.words {
				end += " " + strings.ReplaceAll(strings.ReplaceAll(m[4], dir, "%D"), " )", ")")
			}
			all = append(all, end)
		}
		slices.Sort(all)
		return slices.Compact(all) // one line for each part is not a promise
	}
	for _, c := range localCases() {
		got, want := ends(d.log, c, ours), ends(p.log, c, theirs)
		for i := range want {
			if c.waits {
				want[i] = strings.NewReplacer("dsn=5.", "dsn=4.", "status=bounced", "status=deferred").Replace(want[i])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: mtad says\n%q\nPostfix says\n%q", c.user, got, want)
		}
	}
}

package master_test

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// dovecotLDA is Dovecot's program that delivers one message.
const dovecotLDA = "/usr/lib/dovecot/dovecot-lda"

// storageUser is who the mailboxes of these tests belong to: an account that every Debian has, with a
// home directory that can be entered.
const storageUser = "daemon"

// storage is a folder of storageUser in which delivery programs put mail.
type storage struct {
	dir      string
	uid, gid int
}

func newStorage(t *testing.T) *storage {
	t.Helper()
	needRoot(t)
	u, err := user.Lookup(storageUser)
	if err != nil {
		t.Skip("needs the account " + storageUser)
	}
	dir, err := os.MkdirTemp("", "storage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &storage{dir: dir}
	s.uid, _ = strconv.Atoi(u.Uid)
	s.gid, _ = strconv.Atoi(u.Gid)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, s.uid, s.gid); err != nil {
		t.Fatal(err)
	}
	return s
}

// file writes a file that belongs to storageUser and is for nobody else; %D in its text is the folder.
func (s *storage) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "%D", s.dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, s.uid, s.gid); err != nil {
		t.Fatal(err)
	}
	return path
}

// procmail writes what it delivers by, and returns the command.
func (s *storage) procmail(t *testing.T) string {
	path := need(t, "procmail", "procmail")
	return path + " " + s.file(t, "procmailrc", "LOCKSLEEP=1\nLOGFILE=%D/procmail.log\n:0\n* ^Subject: refused\n{\n EXITCODE=77\n HOST\n}\n"+
		":0\n* ^Subject: dir\n%D/dir/\n:0:\n%D/box\n")
}

// maildrop is procmail for maildrop.
func (s *storage) maildrop(t *testing.T) string {
	path := need(t, "maildrop", "maildrop")
	command(t, "setpriv", "--reuid", storageUser, "--regid", storageUser, "--clear-groups", "maildirmake", s.dir+"/dir")
	return path + " " + s.file(t, "filter", "if (/^Subject: refused/)\n{\n  echo \"not for me\"\n  EXITCODE=77\n  exit\n}\n"+
		"if (/^Subject: dir/)\n{\n  to \"%D/dir\"\n}\nto \"%D/box\"\n")
}

// dovecotLDA is procmail for Dovecot, without a server: it has a quota for what is to be refused.
func (s *storage) dovecotLDA(t *testing.T, location, plugins string) string {
	path := need(t, dovecotLDA, "dovecot-core")
	// Dovecot reads its configuration with the rights of the user.
	conf := s.file(t, "dovecot.conf", `base_dir = %D/run
log_path = %D/dovecot.log
ssl = no
mail_location = `+location+`
mbox_write_locks = dotlock fcntl
mail_fsync = never
first_valid_uid = 1
postmaster_address = postmaster@here.test
protocol lda {
  mail_plugins = `+plugins+`
}
plugin {
  quota = count:User quota
  quota_rule = *:storage=50K
  quota_grace = 0
  quota_vsizes = yes
}
`)
	return path + " -c " + conf
}

// text returns what was delivered: of a Maildir the first new message, else of an mbox all of it.
func (s *storage) text(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if all, _ := filepath.Glob(path + "/new/*"); len(all) > 0 {
		path = all[0]
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Procmail, maildrop and Dovecot deliver as mailbox_command and behind pipe(8): to mboxes, to Maildirs,
// or not at all, which comes back in the words of their exit codes.
func TestProcmailMaildropAndDovecotDeliver(t *testing.T) {
	programs := map[string]func(*storage) string{
		"procmail":    func(s *storage) string { return s.procmail(t) },
		"maildrop":    func(s *storage) string { return s.maildrop(t) },
		"dovecot-lda": func(s *storage) string { return s.dovecotLDA(t, "maildir:%D/dir", "quota") + " -e" },
	}
	for name, program := range programs {
		for _, way := range []string{"mailbox_command", "pipe"} {
			t.Run(name+" by "+way, func(t *testing.T) {
				needOwner(t)
				s := newStorage(t)
				d := newDaemon(t, "mail_owner = postfix", "mydestination = here.test", "transport_maps = inline:{piped.test=stored:}", "stored_destination_recipient_limit = 1")
				cmd, to, relay := program(s), "daemon@here.test", "local"
				switch way {
				case "mailbox_command":
					if name == "dovecot-lda" { // by a shell, which gets addresses as variables only
						cmd += ` -f "$SENDER" -a "$RECIPIENT"`
					}
					d.write("main.cf", d.read("main.cf")+"mailbox_command = "+cmd+"\n")
				default:
					d.services("stored unix - n n - - pipe flags=FR user=" + storageUser + " directory=" + s.dir + " argv=" + cmd)
					to, relay = "someone@piped.test", "stored"
				}
				d.reachable()
				d.run()
				for _, subject := range []string{"dir", "box"} {
					d.post("a@sender.test", to, []byte("Subject: "+subject+"\r\n\r\nthe body\r\n"))
				}
				d.log.waitCount(t, `to=<`+to+`>, relay=`+relay+`, .*dsn=2\.0\.0, status=sent \(deliver`, 2)
				names := []string{"dir", "box"}
				if name == "dovecot-lda" {
					names = names[:1] // both went there
				}
				for _, where := range names {
					if got := s.text(t, where); !strings.Contains(got, "Return-Path: <a@sender.test>\n") || !strings.HasSuffix(strings.TrimRight(got, "\n"), "\n\nthe body") {
						t.Errorf("%s has %q", where, got)
					}
				}
				d.post("a@sender.test", to, []byte("Subject: refused\r\n\r\n"+strings.Repeat("a line of sixty bytes, so that the quota is of no use for it\r\n", 2000)))
				said := map[string]string{"procmail": "", "maildrop": ". Command output: not for me", "dovecot-lda": ". Command output: Quota exceeded (mailbox for user is full)"}[name]
				d.log.wait(t, `relay=`+relay+`, .*dsn=5\.7\.0, status=bounced `+regexp.QuoteMeta("(permission denied"+said+")"))
			})
		}
	}
}

// read returns a file of the configuration directory.
func (d *daemon) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// Messages for one mbox come by mtad itself, by procmail and by Dovecot at the same time: each is whole,
// none is missing, and no other bytes are there.
func TestThreeProgramsDeliverToOneMbox(t *testing.T) {
	needOwner(t)
	s := newStorage(t)
	each, senders := 60, 2
	if os.Getenv(longVariable) != "" {
		each, senders = 3334, 5
	}
	d := newDaemon(t, "mail_owner = postfix", "mydestination = here.test", "alias_maps = inline:{own="+s.dir+"/box}", "default_privs = "+storageUser,
		"transport_maps = inline:{procmail.test=procmail:,dovecot.test=dovecot:}", "procmail_destination_concurrency_limit = 2", "dovecot_destination_concurrency_limit = 2",
		"local_destination_concurrency_limit = 2", "minimal_backoff_time = 1s", "maximal_backoff_time = 2s", "queue_run_delay = 1s", "smtpd_client_connection_count_limit = 0",
		"mailbox_size_limit = 0", "message_size_limit = 0")
	d.services("procmail unix - n n - - pipe flags=FR user="+storageUser+" directory="+s.dir+" argv="+s.procmail(t),
		"dovecot unix - n n - - pipe flags=R user="+storageUser+" directory="+s.dir+" argv="+s.dovecotLDA(t, "mbox:%D/folders:INBOX=%D/box", "")+" -f ${sender}")
	d.reachable()
	d.run()
	names := map[string]bool{}
	var posting sync.WaitGroup
	for _, to := range []string{"own@here.test", "x@procmail.test", "x@dovecot.test"} {
		for i := range senders {
			for n := i; n < each; n += senders {
				names[fmt.Sprintf("%s-%d", to, n)] = true
			}
			posting.Go(func() {
				for n := i; n < each; n += senders {
					d.post("a@sender.test", to, checked(fmt.Sprintf("%s-%d", to, n), 2000+n%7*3000))
				}
			})
		}
	}
	posting.Wait()
	d.log.waitProgress(t, `status=sent \(deliver`, 3*each)
	whole, rest := unboxed(s.text(t, "box"))
	for name := range whole {
		if !names[name] || whole[name] != 1 {
			t.Errorf("%q is there %d times", name, whole[name])
		}
	}
	if len(whole) != len(names) || rest != "" {
		t.Errorf("%d of %d messages are whole; beside them there is %.300q", len(whole), len(names), rest)
	}
}

// waitProgress is waitCount for many: it gives up when no match comes for as long as patience has it.
func (l *logbook) waitProgress(t testing.TB, pattern string, n int) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for seen, at := 0, 0; ; {
		text := l.String()
		end := strings.LastIndexByte(text, '\n') + 1
		if seen += len(re.FindAllString(text[at:end], -1)); seen >= n {
			return
		}
		at = end
		l.waitAfter(t, at, pattern, nil)
	}
}

// unboxed takes the messages of checked out of an mbox, and returns how often each is there, and
// what else there is.
func unboxed(box string) (whole map[string]int, rest string) {
	whole = map[string]int{}
	for i, text := range strings.Split("\n"+box, "\n\nFrom ") {
		if i == 0 {
			text = strings.TrimPrefix(text, "\nFrom ")
		}
		line, text, _ := strings.Cut(strings.TrimRight(text, "\n")+"\n", "\n")
		if name := provenName(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n"))); name != "" && strings.HasPrefix(line, "a@sender.test ") {
			whole[name]++
		} else {
			rest += line + "\n" + text
		}
	}
	return whole, rest
}

// A list in an :include: file of 10,000 members is one message to each, those of one site in as few
// transactions as the recipient limit allows, with the owner of the list as the sender.
func TestAListOfTenThousandMembers(t *testing.T) {
	needOwner(t)
	const members, perTransaction = 10_000, 50
	s := newSink(t)
	stored := newStorage(t)
	var list strings.Builder
	list.WriteString("# all of us\nown, Mary Jones <mary@site.test>,\n")
	for n := range members - 3 {
		fmt.Fprintf(&list, "member%d@site.test (number %[1]d)\n", n)
	}
	list.WriteString("member7@site.test\nlast@site.test\n") // one of them is there twice
	path := stored.file(t, "members", list.String())
	d := newDaemon(t, "mail_owner = postfix", "mydestination = here.test", "myorigin = here.test", "relayhost = "+s.nexthop(),
		"alias_maps = inline:{{list=:include:"+path+"},{owner-list=somebody},{own="+stored.dir+"/box}}", "default_privs = "+storageUser)
	d.reachable()
	d.run()
	d.post("a@sender.test", "list@here.test", []byte("Subject: to all\r\n\r\nnews\r\n"))
	d.log.waitProgress(t, `to=<\S+@site\.test>, .*status=sent`, members-1)
	d.log.wait(t, `to=<`+regexp.QuoteMeta(stored.dir)+`/box>, .*status=sent|to=<own@here\.test>, .*status=sent`)
	got, transactions := map[string]int{}, 0
	for _, m := range s.messages() {
		transactions++
		if m.from != "<owner-list@here.test>" && !strings.HasPrefix(m.from, "<owner-list@here.test> ") {
			t.Fatalf("the sender is %q", m.from)
		}
		for _, to := range m.to {
			got[to]++
		}
	}
	if len(got) != members-1 {
		t.Errorf("%d members got it, want %d", len(got), members-1)
	}
	for to, times := range got {
		if times != 1 {
			t.Errorf("%s got it %d times", to, times)
		}
	}
	if most := members/perTransaction + 1; transactions > most {
		t.Errorf("%d transactions, want at most %d", transactions, most)
	}
}

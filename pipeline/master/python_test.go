package master_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mtad/mtad/plugins/process"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

// python copies the example in Python, with a database, and returns its folder.
func python(t *testing.T) string {
	t.Helper()
	if exec.Command("/usr/bin/python3", "-c", "import grpc, google.protobuf, sqlite3").Run() != nil {
		miss(t, "needs gRPC for Python: apt-get install python3-grpcio python3-protobuf")
	}
	dir := t.TempDir()
	for _, name := range []string{"mtad_plugin.py", "plugin_pb2.py", "directory.py", "transcript.txt"} {
		text, err := os.ReadFile("../../process-examples/python/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "/usr/bin/python3", "-c", `import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE people (address TEXT PRIMARY KEY, mailbox TEXT NOT NULL, inside INTEGER NOT NULL)")
db.executemany("INSERT INTO people VALUES (?, ?, ?)", [("alice@example.com", "alice@mail.example.com", 1), ("bob@example.com", "bob@mail.example.com", 0)])
db.commit()`, filepath.Join(dir, "people.db"))
	return dir
}

// loadPython is the example for sdktest.
func loadPython(dir, script string) sdktest.Subject {
	return func(ctx context.Context, l sdktest.Load) (sdk.Module, error) {
		return process.Load(ctx, process.Options{Name: l.Name, Command: []string{filepath.Join(dir, script)}, Config: l.Config, Allow: l.Allow, Log: l.Log})
	}
}

func TestTheExampleInPythonKeepsToItsTranscript(t *testing.T) {
	dir := python(t)
	text, err := os.ReadFile(filepath.Join(dir, "transcript.txt"))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := sdktest.Parse(strings.NewReader(strings.ReplaceAll(string(text), "= DATABASE", "= "+filepath.Join(dir, "people.db"))))
	if err != nil {
		t.Fatal(err)
	}
	if err := sdktest.Play(context.Background(), loadPython(dir, "directory.py"), sc, sdktest.Options{}).Err("transcript.txt"); err != nil {
		t.Error(err)
	}
}

// everything is a plugin in Python that uses what the example does not.
const everything = `#!/usr/bin/python3
import mtad_plugin as mtad

class Everything:
    def init(self, tx):
        if tx.config("refuse"):
            raise ValueError(tx.config("refuse"))
        tx.log("hello %s %s" % (tx.feature("kv"), tx.feature("dns")))
    def connect(self, tx):
        tx.stash("seen", b"\xff\x00", mtad.CONNECTION)
    def helo(self, tx):
        raise RuntimeError("out of cheese")
    def mail(self, tx):
        tx.log("stash %r, map %r %r, n %d, dns %r" % (tx.stashed("seen", mtad.CONNECTION), tx.map("access", "a@b"),
               tx.map("access", "none"), tx.increase("n", 3), tx.dns(mtad.TXT, "example.com")))
        return mtad.hold("for a look")
    def body(self, tx):
        tx.log("chunk of %d" % sum(len(p) for p in tx.body()))
    def eom(self, tx):
        whole, body = b"".join(tx.message()), b"".join(tx.body())
        tx.log("%d %d %d %r %r" % (len(whole), len(body), tx.body_size(), tx.fields(), tx.raw_field(1)))
        tx.del_header("X-Twice")
        tx.add_header("X-New", "caf\udce9", 0)
        tx.replace_body(["new\n", b"x" * 100000, "\n"])
        tx.set_sender("new@example.net")
        tx.del_rcpt("one@example.com")
        tx.add_rcpt("two@example.com")
        tx.log("%d %r" % (sum(len(p) for p in tx.body()), tx.recipients()))
        return mtad.redirect("all@example.com")
    def deliver(self, tx):
        for i, r in enumerate(tx.recipients()):
            tx.status(i, 250, "2.0.0", "kept " + r)
    def rewrite(self, tx):
        return mtad.found_addr("new-" + tx.get("rewrite.addr"))
    def route(self, tx):
        return mtad.found_route("smtp", "[next]")
    def lookup(self, tx):
        return mtad.tempfail("4.3.0", "later")
    def event(self, tx):
        tx.log("event %s %s" % (tx.get("event.kind"), tx.get("nonsense", "none")))

mtad.serve(Everything(), lanes=2)
`

const everyCall = `
allow edit map kv dns deliver
map access a@b = OK
dns TXT example.com = "v=spf1\n-all"
load
> hooks connect helo mail body eom rewrite route deliver lookup event
> log info hello True True
connect 192.0.2.1
helo name
> failure "RuntimeError: out of cheese"
mail sender@example.net
> hold for a look
> log info "stash b'\\xff\\x00', map 'OK' None, n 3, dns ['v=spf1', '-all']"
rcpt one@example.com
message
| Subject: a
| X-Twice: 1
| X-Twice:
|  2
|
* 5000 "0123456789abcd\r\n"
body
> log info chunk of 65536
> log info chunk of 14464
eom
> redirect all@example.com
> log info "80040 80000 80000 [('Subject', 'a'), ('X-Twice', '1'), ('X-Twice', '2')] b'X-Twice: 1'"
> log info "100007 ['two@example.com']"
> +header 0 X-New: "caf\xe9"
> -header 1 X-Twice: 1
> -header 2 "X-Twice:\r\n 2"
> sender new@example.net
> -rcpt one@example.com
> +rcpt two@example.com
> body contains new
deliver
> status 0 250 2.0.0 kept two@example.com
rewrite header_sender a@b
> found new-a@b
route a@b
> found transport=smtp nexthop=[next]
lookup x
> tempfail 451 4.3.0 later
event sent a@b
> log info event sent none
`

func TestTheLibraryInPythonHasTheWholeABI(t *testing.T) {
	dir := python(t)
	if err := os.WriteFile(filepath.Join(dir, "everything"), []byte(everything), 0o700); err != nil {
		t.Fatal(err)
	}
	sc, err := sdktest.Parse(strings.NewReader(everyCall))
	if err != nil {
		t.Fatal(err)
	}
	if err := sdktest.Play(context.Background(), loadPython(dir, "everything"), sc, sdktest.Options{}).Err(""); err != nil {
		t.Error(err)
	}
	_, err = process.Load(context.Background(), process.Options{Name: "p", Command: []string{filepath.Join(dir, "everything")}, Config: map[string]string{"refuse": "not today"}})
	if err == nil || !strings.Contains(err.Error(), "it refuses to load: ValueError: not today") {
		t.Errorf("got %v", err)
	}
}

func TestAPluginInPythonServesARealMtad(t *testing.T) {
	dir := python(t)
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "virtual_alias_maps = plugin:directory", "virtual_alias_domains = example.com")
	d.write("mtad.toml", "[[plugin]]\nname = \"directory\"\nprocess = [\""+filepath.Join(dir, "directory.py")+"\"]\nallow = [\"edit\"]\ntime = \"30s\"\n"+
		"[plugin.config]\ndatabase = \""+filepath.Join(dir, "people.db")+"\"\ndomain = \"example.com\"\n")
	d.run()
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<alice@example.com>", "550 5.7.1")
	c.do("RCPT TO:<nobody@example.com>", "550 5.1.1")
	c.do("QUIT", "221")
	d.post("a@sender.test", "bob@example.com", []byte("Subject: hi\r\n\r\nold\r\n"))
	m := s.wait(t, 1)[0]
	if !bytes.Contains(m.text, []byte("Subject: [EXTERNAL] hi\r\n")) || len(m.to) != 1 || m.to[0] != "<bob@mail.example.com>" {
		t.Errorf("to %q: %q", m.to, m.text)
	}
	d.signal(syscall.SIGTERM)
	d.wait()
}

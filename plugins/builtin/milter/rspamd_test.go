package milter_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
)

// rspamdConfig is an rspamd without rules but ours, without network, redis and what it loads for long.
const rspamdConfig = `
options {
  pidfile = "%DIR%/pid"; tempdir = "%DIR%"; hs_cache_dir = "%DIR%"; filters = ""; disable_hyperscan = true; url_tld = "%DIR%/tld";
  dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }
}
logging { type = "console"; level = "info"; }
actions { reject = 15; add_header = 6; }
lang_detection { languages = "%DIR%/none"; }
lua = "%DIR%/rules.lua";
modules { path = "%DIR%/none"; }
worker "rspamd_proxy" {
  bind_socket = "%DIR%/s mode=0666"; milter = yes; timeout = 20s; count = 1;
  upstream "local" { default = yes; self_scan = yes; }
}
`

const rspamdRules = `
local function mark(name, score)
  rspamd_config["MARK_" .. name] = { score = score, description = name,
    callback = function(task) return (task:get_subject() or ""):find(name, 1, true) ~= nil end }
end
mark("spam", 20)
mark("maybe", 7)
rspamd_config:register_symbol({ name = "MTAD", type = "prefilter", callback = function(task)
  local s = task:get_subject() or ""
  if s:find("later", 1, true) then task:set_pre_result("soft reject", "come back") end
  local function first(list) return list and list[1] end
  local from, to = first(task:get_from("smtp")), first(task:get_recipients("smtp"))
  local ip = task:get_from_ip()
  task:set_milter_reply({ remove_headers = { ["X-Remove"] = 1 }, add_headers = {
    ["X-Seen"] = string.format("ip=%s helo=%s from=%s to=%s id=%s", tostring(ip), task:get_helo() or "", from and from.addr or "",
      to and to.addr or "", task:get_queue_id() or "") } })
end })
`

// rspamd runs Debian's rspamd as a milter and returns its address.
func rspamd(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("rspamd")
	if err != nil {
		const why = "rspamd is not here; Debian has it in the package rspamd"
		if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	dir, err := os.MkdirTemp("", "rs") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "none"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"conf": strings.ReplaceAll(rspamdConfig, "%DIR%", dir), "rules.lua": rspamdRules, "tld": "example\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-i", "-f", "-c", filepath.Join(dir, "conf"))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { defer close(gone); cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		<-gone
		if t.Failed() {
			t.Log(said.String())
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); ; {
		select {
		case <-gone:
			t.Fatal("rspamd ended")
		case <-late:
			t.Fatal("rspamd does not listen")
		case <-tick.C:
			if c, err := net.Dial("unix", filepath.Join(dir, "s")); err == nil {
				c.Close()
				return "unix:" + filepath.Join(dir, "s")
			}
		}
	}
}

func TestRspamdDecidesAboutMail(t *testing.T) {
	address := rspamd(t)
	for _, c := range []struct{ subject, reply, has string }{
		{"good", "", "X-Seen: ip=192.0.2.1 helo=helo.example from=a@b.example to=c@d.example id="},
		{"maybe", "", "X-Spam: Yes"},
		{"spam", "554 5.7.1 Spam message rejected", ""},
		{"later", "451 4.7.1 come back", ""},
	} {
		t.Run(c.subject, func(t *testing.T) {
			w := connect(t, mail.KindSMTP, map[string]string{"address": address, "hostname": "mx.example"})
			stage, e := w.run("From: a@b.example\r\nTo: c@d.example\r\nX-Remove: 1\r\nSubject: " + c.subject + "\r\n\r\nbody\r\n")
			got := ""
			if e != nil {
				got = e.Reply.String()
			}
			if got != c.reply {
				t.Fatalf("%s at %q", got, stage)
			}
			if h := string(w.msg.Header().Bytes()); e == nil && c.has != "" && (!strings.Contains(h, c.has) || strings.Contains(h, "X-Remove")) {
				t.Fatalf("got\n%s", h)
			}
			w.sess.Close()
		})
	}
}

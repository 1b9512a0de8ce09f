package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/master"
)

const helpPostfix = `usage: postfix [-c DIR] COMMAND

  start       start the mail system in the background, and wait until it is up
  start-fg    run it in the foreground, as "mtad run" does
  stop        stop it; what is under way may finish
  abort       stop it at once; what was under way is done again
  reload      have it read its configuration again
  status      say whether it runs
  check       say what is wrong with the configuration
  flush       try all deferred mail now
  logrotate   have it open maillog_file again
  drain, quick-stop      as stop
  set-permissions, upgrade-configuration, -v, -D      accepted, without effect

In the background mtad logs to maillog_file, without one to syslog, and where no
syslog daemon is to mtad.log in data_directory.

Exit code: 0 done, 1 not done.
`

// startTimeout is how long "postfix start" waits for the daemon to listen.
const startTimeout = 60 * time.Second

// failureShown bounds how much of the log is shown of a daemon that did not start, in bytes.
const failureShown = 4 << 10

// syslogSocket is another one in tests.
var syslogSocket = maillog.SyslogSocket

func postfix(sh *shell, args []string) int {
	opts, words, err := getopt(args, "c:Dv")
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n", sh.name, err)
		return sh.fail(exFailure, "usage: postfix [-c config_dir] [-Dv] command")
	}
	for _, o := range opts {
		if o.letter == 'c' {
			sh.dir = o.value
		}
	}
	if w := sh.wrapper(); len(w) > 0 {
		if filepath.Base(w[0]) != "postmulti" {
			self := &instance{dir: conf.Directory("", nil)}
			if self.cfg, err = sh.config(); err != nil {
				return sh.fail(exFailure, "%v", err)
			}
			return self.run(sh, append(w, words...))
		}
		sh.name = "postmulti"
		return postmulti(sh, append(w[1:], words...))
	}
	command := strings.Join(words[:min(1, len(words))], "") // what stands behind it means nothing, as in Postfix
	sh.name = "postfix/postfix-script"
	if command == "start-fg" {
		return own(runVerb)(sh, nil)
	}
	c, err := sh.config()
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	sh.name = c.String("syslog_name") + "/postfix-script"
	p := &script{sh: sh, cfg: c, client: ctl.NewClient(c.String("control_socket")), system: "the " + c.String("mail_name") + " mail system"}
	defer p.client.Close()
	do, ok := map[string]func(context.Context) error{
		"start": p.start, "stop": p.stop, "abort": p.abort, "reload": p.reload, "status": p.status,
		"check": p.check, "flush": p.flush, "logrotate": p.logrotate, "drain": p.stop, "quick-stop": p.stop,
		"set-permissions": p.nothing, "upgrade-configuration": p.nothing,
	}[command]
	if !ok {
		return sh.fail(exFailure, "unknown command: '%s'. Usage: postfix start (or stop, reload, abort, flush, check, status, set-permissions, upgrade-configuration, logrotate)", command)
	}
	err = do(context.Background())
	switch {
	case errors.Is(err, ctl.ErrDown) && command == "status": // an answer, not a failure
		p.say("%s", p.told(err))
		return exFailure
	case errors.Is(err, ctl.ErrDown) && command == "flush":
		sh.name = "postqueue"
		return sh.fail(exUnavailable, "Cannot flush mail queue - mail system is down")
	case err != nil:
		return sh.fail(exFailure, "%s", p.told(err))
	}
	return exOK
}

// script is one run of the postfix command.
type script struct {
	sh     *shell
	cfg    *conf.Config
	client *ctl.Client
	system string
}

func (p *script) say(format string, args ...any) {
	fmt.Fprintf(p.sh.err, "%s: %s\n", p.sh.name, fmt.Sprintf(format, args...))
}

func (p *script) told(err error) string {
	if errors.Is(err, ctl.ErrDown) {
		return p.system + " is not running"
	}
	return told(err)
}

func (p *script) status(ctx context.Context) error {
	st, err := p.client.Status(ctx)
	if errors.Is(err, ctl.ErrDown) {
		return err
	}
	if err == nil {
		p.say("%s is running: PID: %d", p.system, st.PID)
	}
	return err
}

func (p *script) stop(ctx context.Context) error {
	st, err := p.client.Status(ctx)
	if err == nil {
		err = p.client.Stop(ctx)
	}
	if err != nil {
		return err
	}
	p.say("stopping %s", p.system)
	return gone(ctx, p.client, st.PID)
}

// abort kills: the queue is made for that.
func (p *script) abort(ctx context.Context) error {
	st, err := p.client.Status(ctx)
	if err != nil {
		return err
	}
	p.say("aborting %s", p.system)
	if err := syscall.Kill(st.PID, syscall.SIGKILL); err != nil {
		return err
	}
	return gone(ctx, p.client, st.PID)
}

func (p *script) reload(ctx context.Context) error {
	err := p.client.Reload(ctx)
	if err == nil {
		p.say("refreshing %s", p.system)
	}
	return err
}

// logrotate has nothing to do while nobody writes the log.
func (p *script) logrotate(ctx context.Context) error {
	if err := p.reload(ctx); !errors.Is(err, ctl.ErrDown) {
		return err
	}
	return nil
}

// nothing is what packages of Postfix call after an upgrade: the files of mtad have no such rights, and its
// configuration needs no change.
func (p *script) nothing(context.Context) error { return nil }

func (p *script) flush(ctx context.Context) error {
	_, err := p.client.Flush(ctx, &ctl.Selector{})
	return err
}

// check is silent when all is well.
func (p *script) check(ctx context.Context) error {
	bad := 0
	for _, f := range findingsOf(ctx, p.cfg) {
		if f.Notable() {
			p.sh.warn("%s", f)
		}
		if f.Bad {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d mistakes in the configuration; %s would not start", bad, p.system)
	}
	return nil
}

// start starts "mtad run" in a session of its own and waits until it answers or has ended.
func (p *script) start(ctx context.Context) error {
	if _, err := p.client.Status(ctx); err == nil {
		return errors.New(p.system + " is already running")
	}
	log, overrides, err := p.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"-c", p.cfg.Dir(), "run"}, overrides...)...)
	cmd.Args[0] = "mtad"
	cmd.Stderr = log
	cmd.Stdout = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.say("starting %s", p.system)
	if err := cmd.Start(); err != nil {
		return err
	}
	return p.await(ctx, cmd, log, begin)
}

// openLog opens what a daemon in the background writes on standard error, its log unless there is
// syslog, and says what to tell the daemon of it.
func (p *script) openLog() (*os.File, []string, error) {
	name := p.cfg.String("maillog_file")
	if filepath.IsAbs(name) && !strings.HasPrefix(name, "/dev/") {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, master.LogMode(p.cfg))
		return f, nil, err
	}
	if err := os.MkdirAll(p.cfg.String("data_directory"), 0o700); err != nil {
		return nil, nil, err
	}
	file := filepath.Join(p.cfg.String("data_directory"), "mtad.log")
	f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	switch {
	case maillog.IsSocket(name):
		return f, nil, err
	case name == "" && maillog.IsSocket(syslogSocket):
		return f, []string{"-o", "maillog_file=" + syslogSocket}, err
	}
	return f, []string{"-o", "maillog_file=" + file}, err
}

// await waits for the daemon to listen; when it ends instead, what it said is the error.
func (p *script) await(ctx context.Context, cmd *exec.Cmd, log *os.File, begin int64) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the daemon, or with this process
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("%s did not start (%v):\n%s", p.system, err, tail(log, begin))
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer yet; its log is %s", p.system, log.Name())
		case <-tick.C:
		}
		if st, err := p.client.Status(ctx); err == nil && st.PID == cmd.Process.Pid {
			return nil
		}
	}
}

// tail is the end of what was written to the log since begin.
func tail(log *os.File, begin int64) string {
	b, err := io.ReadAll(io.NewSectionReader(log, begin, 1<<20))
	if err != nil {
		return err.Error()
	}
	if len(b) > failureShown {
		b = b[len(b)-failureShown:]
	}
	return string(bytes.TrimSpace(b))
}

package master

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/confine"
	"github.com/mtad/mtad/core/notify"
	"github.com/mtad/mtad/core/ports"
	"github.com/mtad/mtad/core/privsep/parent"
	"github.com/mtad/mtad/core/spawn"
)

// selfPath is this program as it runs, even when another file is at its path by now.
const selfPath = "/proc/self/exe"

// guard is the life of the privileged parent. What root has to make is made before the worker is
// started; from then on package parent is all that runs here.
func guard(c *conf.Config, o Options, own *owner, held *ports.Set) (code int, err error) {
	p := placesOf(c)
	if err := p.prepare(); err != nil {
		return 1, err
	}
	if err := own.give(p); err != nil {
		return 1, err
	}
	log, err := guardLog(c, o.Syslog, own)
	if err != nil {
		return 1, err
	}
	defer log.Flush()
	path, err := program()
	if err != nil {
		return 1, err
	}
	n := notify.New(os.Getenv, os.Getpid())
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return strings.HasPrefix(pair, "NOTIFY_SOCKET=") || strings.HasPrefix(pair, "WATCHDOG_PID=")
	})
	self := selfPath
	if _, err := os.Stat(self); err != nil {
		self = path
	}
	g, err := parent.New(c, parent.Options{Load: o.Load, Argv: os.Args, Env: env, Self: self, Next: path, Ports: held, Notifier: n,
		StopTime: c.Duration("shutdown_time_limit"), Stderr: os.Stderr, Log: log.Service("master").Slog()})
	if err != nil {
		return 1, err
	}
	r, err := g.Run(&spawn.Rights{UID: uint32(own.uid), GID: uint32(own.gid)})
	if err != nil || !r.Upgrade {
		return r.Code, err
	}
	log.Flush()
	return 1, become(path, held)
}

// confine takes from a worker what it does not need; a process without a parent needs all that its
// user has.
func (m *Master) confine(c *conf.Config) error {
	if m.around.parent == nil {
		if os.Getuid() == 0 {
			m.log.Warning("running as root, since mail_owner is root: good for trying mtad only")
		}
		return nil
	}
	if !c.Bool("worker_confinement") {
		return nil
	}
	r, err := confine.Process(m.reach(c))
	if err != nil {
		return fmt.Errorf("worker_confinement: %w", err)
	}
	m.log.Info("worker_confinement: " + r.String())
	return nil
}

// broad are directories that are never opened whole because one file in them is named.
var broad = []string{"/", "/home", "/root", "/var", "/var/lib", "/var/spool", "/var/mail", "/opt", "/srv", "/mnt", "/media", "/boot", "/tmp", "/var/tmp"}

// reach is what the worker may reach: its own directories, the system's programs and settings, and
// the files that the configuration names, with the directories they are in, since tables are
// replaced by renaming. Mailboxes are not among them: deliverers write those.
func (m *Master) reach(c *conf.Config) confine.Paths {
	p := confine.Paths{
		ReadOnly:  []string{"/etc", "/usr", "/bin", "/lib", "/lib64", "/sbin", "/nix/store", "/proc", "/sys/kernel/mm", "/run", c.Dir()},
		ReadWrite: []string{m.places.queue, m.places.data, c.String("plugin_cache_directory"), filepath.Dir(c.String("control_socket"))},
		Files:     []string{"/dev/urandom", "/dev/random", "/dev/zero"},
	}
	p.WriteFiles = []string{"/dev/null"}
	if log := c.String("maillog_file"); filepath.IsAbs(log) && !strings.HasPrefix(log, "/dev/") {
		p.ReadWrite = append(p.ReadWrite, filepath.Dir(log))
	}
	for _, path := range c.Paths("virtual_mailbox_base", "mail_spool_directory", "home_mailbox") {
		st, err := os.Stat(path)
		dir := filepath.Dir(path)
		switch {
		case err == nil && st.IsDir():
			if !slices.Contains(broad, path) {
				p.ReadOnly = append(p.ReadOnly, path)
			}
		case strings.HasPrefix(path, "/dev/"):
		case !slices.Contains(broad, dir):
			p.ReadOnly = append(p.ReadOnly, dir)
		case err == nil:
			p.Files = append(p.Files, path)
		}
	}
	for _, plugin := range c.Plugins() {
		if len(plugin.Process) > 0 { // it is talked to by a socket there
			p.ReadWrite = append(p.ReadWrite, os.TempDir())
		}
	}
	return p
}

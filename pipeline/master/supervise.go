package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/notify"
	"github.com/mtad/mtad/core/ports"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/privsep/parent"
	"github.com/mtad/mtad/pipeline/deliver/asuser"
)

// ErrParentGone says that the privileged parent died: nothing can be delivered any more, and a new
// parent starts a new worker.
var ErrParentGone = errors.New("the privileged parent is gone")

// Serve is the whole life of a mail system's process. Started by root it is the privileged parent of
// a worker that runs as mail_owner; started by that parent it is the worker; started by anybody else
// it is the mail system with that user's rights.
//
// SIGTERM and SIGINT let sessions and deliveries under way finish, for shutdown_time_limit at most,
// and so does the end of ctx; a second signal ends the process at once. SIGHUP reads the configuration
// again. SIGUSR2 finishes in the same way and then runs the program that is now where this one was,
// in this process and on its open ports. code is the exit code when err is nil.
func Serve(ctx context.Context, c *conf.Config, o Options) (code int, err error) {
	client, err := privsep.Inherited()
	if err != nil {
		return 1, err
	}
	if client != nil {
		privsep.Name("mtad")
		o.around = &surroundings{parent: client, users: asuser.New(client, c.Duration("max_idle")), alive: notify.Watchdog(os.Getenv, os.Getpid())}
		return 0, serveAlone(ctx, c, o)
	}
	held, err := ports.Inherited()
	if err != nil {
		return 1, err
	}
	own, err := ownerOf(c)
	if err != nil {
		return 1, err
	}
	if own != nil {
		return guard(c, o, own, held)
	}
	n := notify.New(os.Getenv, os.Getpid())
	o.around = &surroundings{ports: held, notifier: n, alive: n.Watchdog()}
	return 0, serveAlone(ctx, c, o)
}

// serveAlone runs a Master until it ends. A process without a parent replaces itself for an upgrade.
func serveAlone(ctx context.Context, c *conf.Config, o Options) error {
	path, found := program()
	upgrades := make(chan struct{}, 1)
	if o.around.parent == nil && found == nil {
		o.around.next = func() error {
			if err := parent.Probe(path); err != nil {
				return err
			}
			select {
			case upgrades <- struct{}{}:
			default: // one is under way
			}
			return nil
		}
	}
	m, err := New(c, o)
	if err != nil {
		return err
	}
	for _, a := range m.around.unused() {
		m.log.Warning("the service manager opened " + a + ", which no service of master.cf has")
	}
	replace, err := m.supervise(ctx, upgrades)
	if err != nil || !replace {
		return err
	}
	return become(path, o.around.ports)
}

func (s *surroundings) unused() []string {
	if s.ports == nil {
		return nil
	}
	return s.ports.Unused()
}

// supervise runs m until it ends; replace says that the next program's turn has come.
func (m *Master) supervise(ctx context.Context, upgrades <-chan struct{}) (replace bool, err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	others := make(chan os.Signal, 4)
	signal.Notify(others, syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Stop(others)
	var gone <-chan struct{}
	if m.around.parent != nil {
		gone = m.around.parent.Gone()
	}
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	for {
		select {
		case err := <-done:
			return replace, err
		case <-gone:
			// Commands that had their whole message run on; everything else is done again.
			return false, ErrParentGone
		case s := <-others:
			m.heed(ctx, s)
		case <-upgrades:
			m.log.Info("upgrade: what is under way may finish, then the new program takes over")
			m.around.tell(privsep.Reloading, "")
			replace = true
			m.Stop()
			return replace, m.awaitEnd(done)
		case <-ctx.Done():
			stop() // the next signal has its usual effect
			return false, m.awaitEnd(done)
		}
	}
}

// heed does what a signal asks for.
func (m *Master) heed(ctx context.Context, s os.Signal) {
	if s == syscall.SIGUSR2 {
		if err := m.around.upgrade(); err != nil {
			m.log.Error("upgrade: " + err.Error())
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	_ = m.Reload(ctx) // which logs what is wrong
}

// reloadTime bounds a reload that SIGHUP asked for.
const reloadTime = 5 * time.Minute

// awaitEnd waits for Run as long as shutdown_time_limit allows. What is not finished then ends with
// the process: the queue is made for that.
func (m *Master) awaitEnd(done <-chan error) error {
	late := time.NewTimer(m.cfg.Duration("shutdown_time_limit"))
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		m.log.Warning("shutdown_time_limit is over: what is not finished is done again after the next start")
		m.maillog.Flush()
		m.removePid()
		return nil
	}
}

// program is the path of this program, for an upgrade: as it was called, so that a link that points
// elsewhere by now is followed anew.
func program() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return os.Executable()
	}
	return path, nil
}

// become runs the program at path in this process, on the ports of this one. It returns only when
// that fails.
func become(path string, held *ports.Set) error {
	handed, err := held.Handover()
	if err != nil {
		return err
	}
	env := os.Environ()
	if handed != "" {
		env = append(env, handed)
	}
	err = syscall.Exec(path, os.Args, env)
	return fmt.Errorf("upgrade: %s: %w", path, err)
}

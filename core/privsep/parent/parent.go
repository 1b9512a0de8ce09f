package parent

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/notify"
	"github.com/mtad/mtad/core/ports"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/spawn"
)

// Options of a Parent.
type Options struct {
	// Load reads the configuration, for a reload.
	Load func() (*conf.Config, error)
	// Argv is the command line of the worker; Env its environment, to which the channel is added.
	Argv, Env []string
	// Self is the program that runs now, Next the path that an upgrade runs.
	Self, Next string
	// Ports holds what listens.
	Ports *ports.Set
	// Notifier tells the service manager; it may be nil.
	Notifier *notify.Notifier
	// StopTime is how long a worker may take to end once it is told to (shutdown_time_limit).
	StopTime time.Duration
	// Stderr is the standard error of worker and deliverers. Required.
	Stderr *os.File
	// Log gets what an admin should know. Required.
	Log *slog.Logger
}

// Parent is the privileged process. Make it with New, call Run once.
type Parent struct {
	o       Options
	policy  atomic.Pointer[Policy]
	keys    keyring
	ready   atomic.Bool
	upgrade chan struct{}
	// children are the waits for commands and deliverers.
	children sync.WaitGroup
}

// New reads the policy of a configuration.
func New(c *conf.Config, o Options) (*Parent, error) {
	policy, err := NewPolicy(c)
	if err != nil {
		return nil, err
	}
	p := &Parent{o: o, upgrade: make(chan struct{}, 1)}
	p.policy.Store(policy)
	return p, nil
}

// reload reads the configuration again. On error everything stays as it was.
func (p *Parent) reload() error {
	c, err := p.o.Load()
	if err != nil {
		return refuse("%v", err)
	}
	policy, err := NewPolicy(c)
	if err != nil {
		return refuse("%v", err)
	}
	p.policy.Store(policy)
	p.o.Ports.Retain(func(service, network, address string) bool { return policy.listen(service, network, address) == nil })
	return nil
}

// notify passes on what the worker says of itself.
func (p *Parent) notify(s privsep.State, status string) error {
	status = status[:min(len(status), 200)]
	switch s {
	case privsep.Ready:
		p.ready.Store(true)
		p.o.Notifier.Ready(status)
	case privsep.Reloading:
		p.o.Notifier.Reloading()
	case privsep.Stopping:
		p.o.Notifier.Stopping(status)
	case privsep.Alive:
		p.o.Notifier.Alive()
	case privsep.Status:
		p.o.Notifier.Status(status)
	default:
		return refuse("state %d", s)
	}
	return nil
}

// askUpgrade begins an upgrade, unless the new program cannot be run.
func (p *Parent) askUpgrade() error {
	if err := Probe(p.o.Next); err != nil {
		return refuse("%v", err)
	}
	select {
	case p.upgrade <- struct{}{}:
	default: // one is under way
	}
	return nil
}

// probeTime is how long a new program may take to say its version.
const probeTime = 30 * time.Second

// Probe runs the program at path, which must say its version: what is not a program of ours, or of
// another machine, must not end the one that works.
func Probe(path string) error {
	cmd := exec.Command(path, "--version")
	cmd.WaitDelay = time.Second
	stop := time.AfterFunc(probeTime, func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	})
	defer stop.Stop()
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", path, err)
	}
	if !strings.HasPrefix(string(out), "mtad ") {
		return fmt.Errorf("%s is not mtad", path)
	}
	return nil
}

// worker is the process that does the work.
type worker struct {
	*spawn.Process
	session *session
	served  chan struct{}           // closed when its channel is
	ended   chan syscall.WaitStatus // gets how it ended
}

// start starts a worker.
func (p *Parent) start(rights *spawn.Rights) (*worker, error) {
	conn, theirs, err := privsep.Pair()
	if err != nil {
		return nil, err
	}
	const channel = 3
	env := append(append([]string{}, p.o.Env...), privsep.Variable+"="+strconv.Itoa(channel))
	proc, err := spawn.Start(&spawn.Command{Path: p.o.Self, Argv: p.o.Argv, Env: env, Rights: rights, Confined: true,
		Output: p.o.Stderr, Stderr: p.o.Stderr, Extra: []*os.File{theirs}})
	theirs.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the worker cannot be started: %w", err), conn.Close())
	}
	w := &worker{Process: proc, session: newSession(p, conn), served: make(chan struct{}), ended: make(chan syscall.WaitStatus, 1)}
	go func() {
		defer close(w.served)
		w.session.serve()
	}()
	go func() {
		end, err := proc.Wait()
		if err != nil {
			end = 1 << 8
		}
		conn.Close()
		<-w.served
		w.ended <- end
	}()
	return w, nil
}

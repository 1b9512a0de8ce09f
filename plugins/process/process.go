package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// Times that Options may change.
const (
	DefaultStartTime = 10 * time.Second
	DefaultGrace     = 5 * time.Second
	DefaultOverdue   = 10 * time.Second
)

// Options say how a program is run. Name and Command are needed.
type Options struct {
	// Name is the plugin's name in the configuration.
	Name string
	// Command is the program, an absolute path, and its arguments.
	Command []string
	// SHA256 is what the program's file must have, in hexadecimal digits; "" for anything.
	SHA256 string
	// Allow are the capabilities granted.
	Allow map[string]bool
	// Config is what the plugin reads.
	Config map[string]string
	// Memory limits the process's data in bytes (RLIMIT_DATA, on Linux); 0 for no limit.
	Memory int64
	// Log gets what the process writes and what happens to it; nil for nobody. It is called from
	// several goroutines.
	Log func(level sdk.Level, text string)
	// Restarted is told of each start after the first that succeeded; nil for nobody.
	Restarted func()
	// StartTime is how long the start may take, Grace how long the end, Overdue how long a hook
	// may go on after its time limit before the process is killed for it; 0 for the defaults.
	StartTime, Grace, Overdue time.Duration
	// After is time.After unless set: what the supervisor waits with between two starts.
	After func(time.Duration) <-chan time.Time
}

func (o *Options) complete() {
	for _, d := range []struct{ field, value *time.Duration }{
		{&o.StartTime, ptr(DefaultStartTime)}, {&o.Grace, ptr(DefaultGrace)}, {&o.Overdue, ptr(DefaultOverdue)}} {
		if *d.field == 0 {
			*d.field = *d.value
		}
	}
	if o.Log == nil {
		o.Log = func(sdk.Level, string) {}
	}
	if o.Restarted == nil {
		o.Restarted = func() {}
	}
	if o.After == nil {
		o.After = time.After
	}
}

func ptr(d time.Duration) *time.Duration { return &d }

// Module is a plugin that runs as a process. Safe for concurrent use.
type Module struct {
	o        Options
	manifest sdk.Manifest
	child    atomic.Pointer[child] // nil while there is none
	closing  chan struct{}
	closed   sync.Once
	stopped  sync.WaitGroup // the supervisor

	mu      sync.Mutex
	down    string    // why there is no child
	due     time.Time // when the next start begins; zero: never
	changed chan struct{}
}

var _ sdk.Module = (*Module)(nil)

// Load starts the program and asks it what it is. Cancelling ctx gives up.
func Load(ctx context.Context, o Options) (*Module, error) {
	o.complete()
	m := &Module{o: o, closing: make(chan struct{}), changed: make(chan struct{})}
	c, err := start(ctx, &m.o)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %s: %w", o.Name, program(o.Command), err)
	}
	m.manifest = c.manifest
	m.child.Store(c)
	m.stopped.Go(func() { m.supervise(c) })
	return m, nil
}

func program(command []string) string {
	if len(command) == 0 {
		return "no command"
	}
	return command[0]
}

// Manifest says what the plugin is and wants.
func (m *Module) Manifest() sdk.Manifest { return m.manifest }

// Call runs one hook in the process.
func (m *Module) Call(ctx context.Context, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	if !m.manifest.Hooks.Has(p) {
		return sdk.ActContinue, nil
	}
	c := m.child.Load()
	for {
		if c == nil || c.dead() {
			var err error
			if c, err = m.absent(ctx); err != nil {
				return 0, err
			}
		}
		a, err := c.call(ctx, p, h)
		if err == nil || !errors.As(err, new(unsent)) || !c.dead() {
			return a, err
		}
	}
}

// restartWait is how long a call without a deadline waits for the next process.
const restartWait = time.Second

// absent waits for the next process when it is started within the time that the call has: one crash is
// one message's affair. It fails at once when it will be later.
func (m *Module) absent(ctx context.Context) (*child, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(restartWait)
	}
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	for {
		m.mu.Lock()
		c, why, due, changed := m.child.Load(), m.down, m.due, m.changed
		m.mu.Unlock()
		if c != nil && !c.dead() {
			return c, nil
		}
		gone := fmt.Errorf("the process is not running: %s", why)
		if c == nil && (due.IsZero() || due.After(deadline)) {
			return nil, gone
		}
		select {
		case <-changed:
		case <-t.C:
			return nil, gone
		case <-ctx.Done():
			return nil, gone
		}
	}
}

// Close waits for calls under way, as long as ctx lasts, and ends the process in any case.
func (m *Module) Close(ctx context.Context) error {
	var err error
	m.closed.Do(func() {
		close(m.closing)
		m.stopped.Wait()
		c := m.child.Load()
		m.state(nil, "the plugin is closed", time.Time{})
		if c != nil {
			if err = c.idle(ctx); err != nil {
				err = fmt.Errorf("plugin %s: calls are still under way: %w", m.o.Name, err)
			}
			c.stop()
		}
	})
	return err
}

// state notes the process, or why there is none and when the next one is due.
func (m *Module) state(c *child, why string, due time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.child.Store(c)
	m.down, m.due = why, due
	close(m.changed)
	m.changed = make(chan struct{})
}

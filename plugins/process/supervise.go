package process

import (
	"context"
	"fmt"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// Times of the supervisor.
const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = time.Minute
	// settled is how long a process has to run for its end to be the first again.
	settled = time.Minute
)

// backoff says how long to wait before the next start: twice as long each time, until a process has
// run for a while.
type backoff struct{ last time.Duration }

func (b *backoff) next(ran time.Duration) time.Duration {
	if b.last = min(2*b.last, maxDelay); b.last == 0 || ran >= settled {
		b.last = firstDelay
	}
	return b.last
}

// supervise starts the process again whenever it has ended, until the module is closed.
func (m *Module) supervise(c *child) {
	var b backoff
	for {
		select {
		case <-c.ended():
		case <-m.closing:
			return
		}
		why := c.obituary()
		m.state(nil, why, time.Now())
		ran := time.Since(c.begun)
		c.stop()
		if c = m.again(&b, ran, why); c == nil {
			return
		}
		m.state(c, "", time.Time{})
		m.o.Restarted()
		m.o.Log(sdk.LevelInfo, fmt.Sprintf("the process was started again, pid %d", c.run.pid()))
	}
}

// again starts the process after a pause, until that succeeds. It returns nil when the module is
// closed meanwhile.
func (m *Module) again(b *backoff, ran time.Duration, why string) *child {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m.stopped.Go(func() {
		select {
		case <-m.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	for {
		pause := b.next(ran)
		why = fmt.Sprintf("%s; the next start is %v after that", why, pause)
		m.state(nil, why, time.Now().Add(pause))
		m.o.Log(sdk.LevelWarn, why)
		select {
		case <-m.o.After(pause):
		case <-m.closing:
			return nil
		}
		c, err := start(ctx, &m.o)
		if err == nil && c.manifest.Hooks != m.manifest.Hooks {
			c.stop()
			err = fmt.Errorf("it wants other hooks than before (%s): reload mtad", c.manifest.Hooks)
		}
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			return nil
		}
		ran, why = 0, "the process could not be started: "+err.Error()
	}
}

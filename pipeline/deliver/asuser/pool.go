package asuser

import (
	"bufio"
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
)

// The limits of deliverers that wait for work.
const (
	maxIdle = 32
	// jobTime bounds a step of a job: a write to a deliverer, or its answer.
	jobTime = 10 * time.Minute
)

// owner is for whom, and where, a deliverer works.
type owner struct {
	place     privsep.Place
	as        deliver.As
	directory string
}

// deliverer is a connection to a process.
type deliverer struct {
	owner   owner
	process *process
	c       net.Conn
	r       *bufio.Reader
	w       *bufio.Writer
	since   time.Time // it waits
}

// pool keeps deliverers that wait for the next delivery of their owner, and one process for each owner
// that has any.
type pool struct {
	// start starts a process and returns its control socket.
	start func(owner) (*net.UnixConn, error)
	// idleTime is how long a deliverer waits for work.
	idleTime time.Duration

	mu        sync.Mutex   // guards all below
	idle      []*deliverer // the one that waits longest first
	processes map[owner]*process
	sweep     *time.Timer
	closed    bool
}

// take returns a deliverer for an owner; used says that it has worked before and may be gone.
func (p *pool) take(o owner) (d *deliverer, used bool, err error) {
	p.mu.Lock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if p.idle[i].owner == o {
			d = p.idle[i]
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			p.mu.Unlock()
			return d, true, nil
		}
	}
	p.mu.Unlock()
	d, err = p.fresh(o)
	return d, false, err
}

// fresh makes a connection to the process of an owner, which it starts if there is none. One that has
// ended is replaced.
func (p *pool) fresh(o owner) (*deliverer, error) {
	for again := true; ; again = false {
		pr, started := p.enter(o)
		if started {
			pr.control, pr.err = p.start(o)
			close(pr.ready)
		}
		<-pr.ready // start has a time limit of its own: the parent answers or is gone
		err := pr.err
		if err == nil {
			var c net.Conn
			if c, err = pr.connect(); err == nil {
				return &deliverer{owner: o, process: pr, c: c, r: bufio.NewReader(c), w: bufio.NewWriterSize(c, 32<<10)}, nil
			}
		}
		p.forget(o, pr)
		p.leave(o, pr)
		if started || !again {
			return nil, err
		}
	}
}

// enter returns the process of an owner with one connection more to come; started says that the caller
// has to start it.
func (p *pool) enter(o owner) (pr *process, started bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pr = p.processes[o]; pr == nil {
		pr, started = &process{ready: make(chan struct{})}, true
		if p.processes == nil {
			p.processes = map[owner]*process{}
		}
		p.processes[o] = pr
	}
	pr.conns++
	return pr, started
}

// forget lets the next connection of an owner start another process.
func (p *pool) forget(o owner, pr *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.processes[o] == pr {
		delete(p.processes, o)
	}
}

// leave notes that a connection is no more. The last one ends its process.
func (p *pool) leave(o owner, pr *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left(o, pr)
}

// left is leave for who holds the lock.
func (p *pool) left(o owner, pr *process) {
	if pr.conns--; pr.conns > 0 {
		return
	}
	if p.processes[o] == pr {
		delete(p.processes, o)
	}
	if pr.control != nil {
		pr.control.Close()
	}
}

// drop closes a deliverer that is not kept.
func (p *pool) drop(d *deliverer) {
	d.c.Close()
	p.leave(d.owner, d.process)
}

// give takes back a deliverer whose last job was answered.
func (p *pool) give(d *deliverer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.end(d)
		return
	}
	d.since = time.Now()
	p.idle = append(p.idle, d)
	if len(p.idle) > maxIdle {
		p.end(p.idle[0])
		p.idle = p.idle[1:]
	}
	if p.sweep == nil {
		p.sweep = time.AfterFunc(p.idleTime, p.expire)
	}
}

// end is drop for who holds the lock.
func (p *pool) end(d *deliverer) {
	d.c.Close()
	p.left(d.owner, d.process)
}

// expire ends those that waited too long.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep = nil
	now := time.Now()
	for len(p.idle) > 0 && now.Sub(p.idle[0].since) >= p.idleTime {
		p.end(p.idle[0])
		p.idle = p.idle[1:]
	}
	if len(p.idle) > 0 && !p.closed {
		p.sweep = time.AfterFunc(p.idleTime-now.Sub(p.idle[0].since), p.expire)
	}
}

// close ends all that wait, and those that come back later.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, d := range p.idle {
		p.end(d)
	}
	p.idle = nil
	if p.sweep != nil {
		p.sweep.Stop()
	}
}

// ask sends a job to a deliverer of the owner, with the message that feed writes, and returns the
// answer's texts. A deliverer that ended while it waited is replaced, as long as nothing of the
// message was sent.
func (p *pool) ask(ctx context.Context, o owner, job []string, limit int, feed func(*bufio.Writer) error) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, used, err := p.take(o)
	if err != nil {
		return nil, notStarted(err)
	}
	texts, began, err := d.ask(ctx, job, limit, feed)
	if err != nil && used && !began && ctx.Err() == nil {
		p.drop(d)
		if d, err = p.fresh(o); err != nil {
			return nil, notStarted(err)
		}
		texts, _, err = d.ask(ctx, job, limit, feed)
	}
	if err != nil {
		p.drop(d)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var e *status.Error
		if errors.As(err, &e) {
			return nil, err
		}
		return nil, broken(err)
	}
	p.give(d)
	return texts, nil
}

// ask sends one job. began says that the deliverer may have got some of the message.
func (d *deliverer) ask(ctx context.Context, job []string, limit int, feed func(*bufio.Writer) error) (texts []string, began bool, err error) {
	_ = d.c.SetDeadline(time.Now().Add(jobTime))
	defer context.AfterFunc(ctx, func() { _ = d.c.SetDeadline(time.Unix(1, 0)) })()
	d.w.Reset(d.c)
	frame := appendFrame(nil, job...)
	if len(frame) > maxFrame {
		return nil, false, errFrame
	}
	// The job goes alone to one that waited: a socket whose process is gone says so at once.
	if _, err := d.c.Write(frame); err != nil {
		return nil, false, err
	}
	if feed != nil {
		if err := feed(d.w); err != nil {
			return nil, true, err
		}
		if err := d.w.Flush(); err != nil {
			return nil, true, err
		}
	}
	texts, err = readFrame(d.r, limit)
	return texts, true, noEOF(err)
}

// notStarted is the error for a deliverer that the parent did not start.
func notStarted(err error) error {
	var refused *privsep.Refused
	if errors.As(err, &refused) {
		return status.Tempfail("4.3.5", "mail system configuration error").Because(err)
	}
	text := "cannot start a delivery"
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text += ": " + errno.Error()
	}
	return status.Tempfail("4.3.0", "%s", text).Because(err)
}

// clean is the directory as the parent wants it.
func clean(directory string) string { return filepath.Clean(directory) }

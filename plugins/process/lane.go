package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ourstatus "github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// maxCalls is how many functions one hook may call: enough to read 400 MiB in pieces of 4 KiB.
const maxCalls = 100_000

// What ends a call.
var (
	ErrTime  = errors.New("time limit exceeded")
	ErrCalls = errors.New("too many host calls")
)

// lane is one stream to the process. One call at a time uses it.
type lane struct {
	c      *child
	stream grpc.BidiStreamingClient[wire.ToPlugin, wire.ToHost]
	cancel context.CancelFunc
	in     chan frame
	done   <-chan struct{}
	timer  *time.Timer // the call's time limit
	guard  *time.Timer // cancels a lane that cannot be written to
	id     uint64
	calls  int
	buf    []byte
}

// frame is what the process sent, or why there is no more.
type frame struct {
	*wire.ToHost
	err error
}

// open makes a lane. Its reader ends with the lane's context.
func (c *child) open() (*lane, error) {
	ctx, cancel := context.WithCancel(c.life)
	guard := time.AfterFunc(c.o.Overdue, cancel)
	stream, err := c.service.Lane(ctx)
	guard.Stop()
	if err != nil {
		cancel()
		return nil, err
	}
	l := &lane{c: c, stream: stream, cancel: cancel, in: make(chan frame), done: ctx.Done(), timer: time.NewTimer(time.Hour), guard: guard}
	c.work.Go(l.read)
	return l, nil
}

func (l *lane) read() {
	for {
		m, err := l.stream.Recv()
		select {
		case l.in <- frame{m, err}:
		case <-l.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// call runs a hook on a free lane.
func (c *child) call(ctx context.Context, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	limit := c.o.Overdue
	if until, ok := ctx.Deadline(); ok {
		limit = time.Until(until)
	}
	l, err := c.lanes.get(ctx)
	if err != nil {
		return 0, err
	}
	if l == nil {
		if l, err = c.open(); err != nil {
			c.lanes.lost()
			return 0, unsent{c.broken(err)}
		}
	}
	a, err := l.run(ctx, limit, p, h)
	switch {
	case err == nil:
		c.lanes.put(l)
	case errors.Is(err, ErrTime):
		c.lanes.slots.Hung()
		c.work.Go(func() { l.outlast() })
	case errors.As(err, new(failed)):
		c.lanes.put(l)
	default:
		l.drop()
	}
	return a, err
}

// failed is a hook that says that it failed: the lane is as good as before.
type failed string

// Error returns what the plugin said.
func (f failed) Error() string { return string(f) }

// broken is the error of a stream that broke. A process without a connection is of no more use.
func (c *child) broken(err error) error {
	cause := c.lost("the connection broke", err)
	if status.Code(err) == codes.Unavailable && !c.dead() {
		c.end("it closed its connection")
	}
	return cause
}

// unsent is the failure of a call that did not reach the process.
type unsent struct{ error }

// Unwrap returns the cause.
func (u unsent) Unwrap() error { return u.error }

// drop gives the lane up.
func (l *lane) drop() {
	l.cancel()
	l.timer.Stop()
	l.guard.Stop()
	l.c.lanes.lost()
}

// run asks the hook, which has the time of limit, and serves what it asks for.
func (l *lane) run(ctx context.Context, limit time.Duration, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	deadline := time.Now().Add(limit)
	l.timer.Reset(limit)
	l.guard.Reset(limit + drainTime)
	defer l.guard.Stop()
	l.id++
	l.calls = 0
	if err := l.stream.Send(&wire.ToPlugin{What: &wire.ToPlugin_Call{Call: l.callOf(p, h, limit)}}); err != nil {
		return 0, unsent{l.end(err)}
	}
	for {
		select {
		case f := <-l.in:
			a, done, err := l.take(f, h, &deadline)
			if done || err != nil {
				l.timer.Stop()
				return a, err
			}
		case <-l.timer.C:
			return 0, ErrTime
		case <-l.done:
			return 0, l.c.lost("the connection was given up", context.Canceled)
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w", ErrTime, ctx.Err())
		}
	}
}

// take serves one frame.
func (l *lane) take(f frame, h sdk.Host, deadline *time.Time) (a sdk.Action, done bool, err error) {
	if err := l.proper(f); err != nil {
		return 0, false, err
	}
	var answer *wire.Answer
	for _, op := range f.GetOps() {
		if l.calls++; l.calls > maxCalls {
			return 0, false, ErrCalls
		}
		if fn := op.GetFunction(); fn == wire.Function_MAP_GET || fn == wire.Function_DNS {
			// Waiting for others is not the plugin's time.
			begun := time.Now()
			answer = l.serve(h, op)
			*deadline = deadline.Add(time.Since(begun))
			l.timer.Reset(time.Until(*deadline))
			l.guard.Reset(time.Until(*deadline) + drainTime)
			continue
		}
		answer = l.serve(h, op)
	}
	if d := f.GetDone(); d != nil {
		if d.GetFailure() != "" {
			return 0, true, failed(ourstatus.Clean(cut(d.GetFailure(), 500)))
		}
		if d.GetWant() != nil {
			l.c.wants.add(d.GetWant())
		}
		return sdk.Action(d.GetAction()), true, nil
	}
	return 0, false, l.answer(answer)
}

// answer sends the answer that the process waits for. One that does not wait does not read either, and a
// lane that nobody reads from would block us in the end.
func (l *lane) answer(a *wire.Answer) error {
	select {
	case f := <-l.in:
		if f.err != nil {
			return l.end(f.err)
		}
		return errors.New("nonsense: a frame before the answer to the one before")
	default:
	}
	if err := l.stream.Send(&wire.ToPlugin{What: &wire.ToPlugin_Answer{Answer: a}}); err != nil {
		return l.end(err)
	}
	return nil
}

// proper refuses what is no frame of this call.
func (l *lane) proper(f frame) error {
	switch {
	case f.err != nil:
		return l.end(f.err)
	case f.GetId() != l.id:
		return fmt.Errorf("nonsense: a frame of call %d in call %d", f.GetId(), l.id)
	case f.GetDone() == nil && len(f.GetOps()) == 0:
		return errors.New("nonsense: a frame without a function and without a verdict")
	}
	return nil
}

// end is the error of the lane's end: what Recv says, since Send says only that there is one.
func (l *lane) end(err error) error {
	if status.Code(err) == codes.ResourceExhausted {
		return fmt.Errorf("nonsense: a frame of more than %d bytes", wire.MaxFrame)
	}
	return l.c.broken(err)
}

// outlast waits for the end of a hook that has exceeded its time limit. Then the lane is as good as
// before. A hook that does not end costs the process its life: what it holds cannot be had back
// otherwise.
func (l *lane) outlast() {
	l.timer.Reset(l.c.o.Overdue)
	for {
		select {
		case f := <-l.in:
			if l.proper(f) != nil {
				l.drop()
				return
			}
			if f.GetDone() != nil {
				l.c.lanes.put(l)
				return
			}
			if l.answer(&wire.Answer{Error: int32(sdk.ErrIO)}) != nil {
				l.drop()
				return
			}
		case <-l.timer.C:
			l.c.end(fmt.Sprintf("a hook had not ended %v after its time limit", l.c.o.Overdue))
			l.drop()
			return
		case <-l.done:
			l.drop()
			return
		}
	}
}

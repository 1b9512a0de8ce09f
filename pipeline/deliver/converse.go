package deliver

import (
	"context"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// drainTime is how long the output of a command is waited for once it has ended: programs that it
// left in the background may hold the pipe open for ever.
const drainTime = 2 * time.Second

// Process is a command that runs.
type Process interface {
	// Kill ends it and its process group. It may be called at any time, more than once.
	Kill()
	// Wait returns how it ended.
	Wait() (syscall.WaitStatus, error)
}

// fed is a Process that wants to know when its message is complete.
type fed interface{ Fed() }

// Converse is what every Runner does: it has start start c with the ends of two pipes, feeds it,
// keeps its output and waits for its end. start gets feed, the other end of stdin, for one who has to
// keep it open too, until the Process's method Fed is called. It must not keep the files themselves.
func Converse(ctx context.Context, c *Command, start func(stdin, output, feed *os.File) (Process, error)) (Ended, error) {
	if err := ctx.Err(); err != nil {
		return Ended{}, err
	}
	in, out, err := pipes()
	if err != nil {
		return Ended{}, err
	}
	defer in.w.Close()
	defer out.r.Close()
	p, err := start(in.r, out.w, in.w)
	in.r.Close()
	out.w.Close()
	if err != nil {
		return Ended{}, err
	}
	defer context.AfterFunc(ctx, p.Kill)()

	var failed error
	var said output
	var both sync.WaitGroup
	both.Go(func() {
		if failed = c.Feed(in.w); failed != nil {
			p.Kill()
			return
		}
		in.w.Close()
		if p, ok := p.(fed); ok {
			p.Fed()
		}
	})
	both.Go(func() { _, _ = io.Copy(&said, out.r) })
	end, err := p.Wait()
	late := time.Now().Add(drainTime)
	_ = in.w.SetWriteDeadline(late)
	_ = out.r.SetReadDeadline(late)
	both.Wait()
	if failed != nil {
		err = failed
	}
	return Ended{Status: end, Output: said.kept}, err
}

type pipe struct{ r, w *os.File }

func pipes() (in, out pipe, err error) {
	if in.r, in.w, err = os.Pipe(); err != nil {
		return in, out, err
	}
	if out.r, out.w, err = os.Pipe(); err != nil {
		in.r.Close()
		in.w.Close()
	}
	return in, out, err
}

// output keeps the beginning of what a command writes. One goroutine uses it at a time.
type output struct{ kept []byte }

// Write never fails.
func (o *output) Write(p []byte) (int, error) {
	o.kept = append(o.kept, p[:min(len(p), OutputLimit-len(o.kept))]...)
	return len(p), nil
}

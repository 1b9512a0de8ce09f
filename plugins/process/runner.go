package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// drainTime is how long the pipes of a process that has ended are read on: somebody who inherited
// them may hold them open for ever.
const drainTime = time.Second

// run is one running program, as go-plugin wants it.
type run struct {
	cmd    *exec.Cmd
	dir    string // where its socket has to be
	memory int64
	words  *words

	stdout, stderr *os.File // our ends
	socket         string
	started        chan error
	exited         chan struct{} // closed when it is reaped
	silent         chan struct{} // closed when its standard error was read to its end
	err            error         // how it ended; read it after exited
	mu             sync.Mutex    // guards the process against a signal after it was reaped
	reaped         bool
	thread         sync.WaitGroup // of the goroutine that started it
}

var _ runner.Runner = (*run)(nil)

// Start starts the program. The goroutine that does it lives, on a thread of its own, as long as the
// program: Linux ends a child when the thread that started it ends (PR_SET_PDEATHSIG).
func (r *run) Start(context.Context) error {
	theirs, err := r.pipes()
	if err != nil {
		return err
	}
	r.cmd.Stdin = nil
	r.started, r.exited, r.silent = make(chan error, 1), make(chan struct{}), make(chan struct{})
	r.thread.Go(func() { r.live(theirs) })
	return <-r.started
}

// pipes makes the pipes of the program's output and returns its ends.
func (r *run) pipes() (theirs [2]*os.File, err error) {
	if r.stdout, theirs[0], err = os.Pipe(); err != nil {
		return theirs, err
	}
	if r.stderr, theirs[1], err = os.Pipe(); err != nil {
		r.stdout.Close()
		theirs[0].Close()
		return theirs, err
	}
	r.cmd.Stdout, r.cmd.Stderr = theirs[0], theirs[1]
	return theirs, nil
}

// finish notes that the program was reaped.
func (r *run) finish(err error) {
	if err == nil {
		err = errors.New("exit status 0")
	}
	r.err = err
	end := time.Now().Add(drainTime)
	_ = r.stdout.SetReadDeadline(end)
	_ = r.stderr.SetReadDeadline(end)
	close(r.exited)
}

// Wait waits until the program has ended.
func (r *run) Wait(ctx context.Context) error {
	select {
	case <-r.exited:
		r.stdout.Close()
		r.stderr.Close()
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill ends the program and whatever it started.
func (r *run) Kill(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reaped || r.cmd.Process == nil {
		return nil
	}
	return killGroup(r.cmd.Process)
}

func (r *run) pid() int {
	if r.cmd.Process == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

// ID is the process id.
func (r *run) ID() string { return strconv.Itoa(r.pid()) }

// Name is the program.
func (r *run) Name() string { return r.cmd.Path }

// Diagnose has nothing to add to what the program wrote.
func (r *run) Diagnose(context.Context) string { return "" }

// Stderr is the program's standard error.
func (r *run) Stderr() io.ReadCloser { return &lastWords{File: r.stderr, silent: r.silent} }

// lastWords closes silent when there is nothing more to read. One goroutine reads.
type lastWords struct {
	*os.File
	silent chan struct{}
	over   bool
}

// Read reads on.
func (l *lastWords) Read(p []byte) (int, error) {
	n, err := l.File.Read(p)
	if err != nil && !l.over {
		l.over = true
		close(l.silent)
	}
	return n, err
}

// Stdout is the program's standard output: go-plugin gets its first line, the log the rest.
func (r *run) Stdout() io.ReadCloser {
	return &output{File: r.stdout, from: bufio.NewReaderSize(r.stdout, 4<<10), rest: stream{to: r.words}}
}

// PluginToHost takes the address that the program says it listens on: a socket in its directory.
func (r *run) PluginToHost(network, address string) (string, string, error) {
	if network != "unix" || filepath.Dir(address) != r.dir {
		return "", "", fmt.Errorf("it listens on %q %q, not on a unix socket in the directory that PLUGIN_UNIX_SOCKET_DIR names", network, address)
	}
	r.socket = address
	return network, address, nil
}

// HostToPlugin changes nothing.
func (r *run) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// output is the standard output of the program.
type output struct {
	*os.File
	from  *bufio.Reader
	rest  stream
	first []byte
	begun bool
}

// Read returns the first line, of which it takes 4 KiB at most; then it puts what comes into the log
// until there is no more.
func (o *output) Read(p []byte) (int, error) {
	if !o.begun {
		o.begun = true
		line, err := o.from.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			return 0, err
		}
		o.first = append([]byte(nil), line...)
	}
	if len(o.first) > 0 {
		n := copy(p, o.first)
		o.first = o.first[n:]
		return n, nil
	}
	_, err := io.Copy(&o.rest, o.from)
	if err == nil {
		err = io.EOF
	}
	return 0, err
}

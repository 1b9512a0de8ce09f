package parent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/spawn"
)

// The limits of what one worker may have at a time.
const (
	maxCommands   = 1000
	maxDeliverers = 400
	maxCalls      = 64 // requests that wait for a disk or a processor
)

// session answers one worker. Its owner calls serve, which returns when all it started has ended,
// commands and deliverers excepted: those it leaves to its parent's wait group.
type session struct {
	parent *Parent
	conn   *privsep.Conn
	calls  chan struct{}

	mu         sync.Mutex // guards all below
	running    map[uint32]*running
	deliverers int
}

// running is a command.
type running struct {
	p *spawn.Process
	// feed is the end of its standard input by which more of the message could come; nil when
	// the message is complete.
	feed *os.File
}

func newSession(p *Parent, conn *privsep.Conn) *session {
	return &session{parent: p, conn: conn, calls: make(chan struct{}, maxCalls), running: map[uint32]*running{}}
}

// serve answers until the worker is gone.
func (s *session) serve() {
	var calls sync.WaitGroup
	for {
		m, files, err := s.conn.Receive()
		if err != nil {
			break
		}
		switch m.Op {
		case privsep.Run, privsep.Fed, privsep.Kill:
			s.command(m, files)
		case privsep.Answer, privsep.Ended:
			privsep.CloseAll(files)
			s.parent.o.Log.Warn("the worker sends answers: its channel is closed")
			s.conn.Close()
		default:
			privsep.CloseAll(files)
			s.calls <- struct{}{}
			calls.Go(func() {
				s.answer(m)
				<-s.calls
			})
		}
	}
	s.conn.Close()
	calls.Wait()
	s.abandon()
}

// abandon kills the commands that did not get their whole message: its end would look like one.
func (s *session) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.running {
		if r.feed != nil {
			r.p.Kill()
		}
	}
}

// reply sends the answer to a request.
func (s *session) reply(id uint32, err error, texts []string, files ...int) {
	m := &privsep.Message{Op: privsep.Answer, ID: id, Integers: []int64{0, 0}, Texts: texts}
	if err != nil {
		m.Integers, m.Texts, files = reason(err), []string{said(err)}, nil
	}
	if err := s.conn.Send(m, files...); err != nil && !errors.Is(err, syscall.EPIPE) {
		s.conn.Close() // a worker that does not get its answers would wait for ever
	}
}

// said is the text of an error; the worker knows who refuses.
func said(err error) string {
	if refused, ok := errors.AsType[*privsep.Refused](err); ok {
		return refused.Text
	}
	return err.Error()
}

// reason makes the integers of an error.
func reason(err error) []int64 {
	var refused *privsep.Refused
	var errno syscall.Errno
	switch {
	case errors.As(err, &refused):
		return []int64{0, 1}
	case errors.As(err, &errno):
		return []int64{int64(errno), 0}
	}
	return []int64{int64(syscall.EIO), 0}
}

// answer does what has an answer and no more.
func (s *session) answer(m *privsep.Message) {
	p := s.parent
	policy := p.policy.Load()
	switch m.Op {
	case privsep.Listen:
		fd, err := 0, policy.listen(m.Texts[0], m.Texts[1], m.Texts[2])
		if err == nil {
			fd, err = p.o.Ports.FD(m.Texts[0], m.Texts[1], m.Texts[2])
		}
		s.reply(m.ID, err, nil, fd)
	case privsep.Deliverer:
		s.deliverer(m)
	case privsep.KeyPair:
		chain, err := p.keyPair(policy, m.Texts[0], m.Texts[1])
		s.reply(m.ID, err, chain)
	case privsep.KeyChains:
		chains, err := p.keyChains(policy, m.Texts)
		s.reply(m.ID, err, chains)
	case privsep.Sign:
		signature, err := p.sign(policy, m)
		s.reply(m.ID, err, []string{signature})
	case privsep.Reload:
		s.reply(m.ID, p.reload(), nil)
	case privsep.Notify:
		s.reply(m.ID, p.notify(privsep.State(m.Integers[0]), m.Texts[0]), nil)
	case privsep.Upgrade:
		s.reply(m.ID, p.askUpgrade(), nil)
	}
}

// command starts a command, or does something to one.
func (s *session) command(m *privsep.Message, files []*os.File) {
	switch m.Op {
	case privsep.Run:
		if err := s.run(m, files); err != nil {
			s.reply(m.ID, err, nil)
		}
	case privsep.Fed:
		s.mu.Lock()
		if r := s.running[m.ID]; r != nil && r.feed != nil {
			r.feed.Close()
			r.feed = nil
		}
		s.mu.Unlock()
	case privsep.Kill:
		s.mu.Lock()
		if r := s.running[m.ID]; r != nil {
			r.p.Kill()
		}
		s.mu.Unlock()
	}
}

// run starts a command; its end is told when it comes.
func (s *session) run(m *privsep.Message, files []*os.File) error {
	keep := false
	defer func() {
		if !keep || len(files) < 3 {
			privsep.CloseAll(files)
		} else {
			privsep.CloseAll(files[:2])
		}
	}()
	if len(files) < 2 {
		return refuse("a command without files")
	}
	req, err := requestOf(m)
	if err != nil {
		return err
	}
	cmd, err := s.parent.policy.Load().command(req)
	if err != nil {
		var refused *privsep.Refused
		if errors.As(err, &refused) {
			s.parent.o.Log.Warn("a command is refused: "+refused.Text, "service", req.service)
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.running) >= maxCommands || s.running[m.ID] != nil {
		return fmt.Errorf("%d commands run: %w", len(s.running), syscall.EAGAIN)
	}
	cmd.Stdin, cmd.Output = files[0], files[1]
	r := &running{}
	if r.p, err = spawn.Start(cmd); err != nil {
		return err
	}
	if keep = true; len(files) > 2 {
		r.feed = files[2]
	}
	s.running[m.ID] = r
	s.reply(m.ID, nil, nil) // before its end is told
	s.parent.children.Go(func() { s.await(m.ID, r, req.limit) })
	return nil
}

// await tells the worker of the end of a command.
func (s *session) await(id uint32, r *running, limit time.Duration) {
	late := time.AfterFunc(limit, r.p.Kill)
	end, err := r.p.Wait()
	late.Stop()
	s.mu.Lock()
	delete(s.running, id)
	if r.feed != nil {
		r.feed.Close()
	}
	s.mu.Unlock()
	if err != nil {
		s.parent.o.Log.Error("a command cannot be waited for: " + err.Error())
		end = syscall.WaitStatus(syscall.SIGKILL)
	}
	_ = s.conn.Send(&privsep.Message{Op: privsep.Ended, ID: id, Integers: []int64{int64(end)}})
}

// deliverer starts a process that writes mailboxes with the rights of their owner.
func (s *session) deliverer(m *privsep.Message) {
	p := s.parent
	n := m.Integers
	rights, err := p.policy.Load().deliverer(privsep.Place(n[0]), m.Texts[0], int(n[1]), int(n[2]), m.Texts[1])
	if err != nil {
		s.reply(m.ID, err, nil)
		return
	}
	s.mu.Lock()
	full := s.deliverers >= maxDeliverers
	if !full {
		s.deliverers++
	}
	s.mu.Unlock()
	if full {
		s.reply(m.ID, fmt.Errorf("%d deliverers run: %w", maxDeliverers, syscall.EAGAIN), nil)
		return
	}
	child, err := p.startDeliverer(rights, privsep.Place(n[0]), m.Texts[1], func(end *os.File) { s.reply(m.ID, nil, nil, int(end.Fd())) })
	if err != nil {
		s.endDeliverer()
		s.reply(m.ID, err, nil)
		return
	}
	p.children.Go(func() {
		_, _ = child.Wait() // how it ended is the worker's to see on the socket
		s.endDeliverer()
	})
}

func (s *session) endDeliverer() {
	s.mu.Lock()
	s.deliverers--
	s.mu.Unlock()
}

// startDeliverer starts a deliverer and hands the other end of its socket to use.
func (p *Parent) startDeliverer(rights *spawn.Rights, place privsep.Place, directory string, use func(*os.File)) (*spawn.Process, error) {
	argv := []string{privsep.DelivererName, directory}
	if place == privsep.Included {
		argv = append(argv, privsep.DelivererReads)
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "deliverer"), os.NewFile(uintptr(fds[1]), "deliverer")
	defer ours.Close()
	defer theirs.Close()
	child, err := spawn.Start(&spawn.Command{Path: p.o.Self, Argv: argv, Env: []string{"PATH=" + spawn.DefaultPath},
		Directory: "/", Rights: rights, Extra: []*os.File{theirs}, Stderr: p.o.Stderr, Confined: true})
	if err != nil {
		return nil, err
	}
	use(ours)
	return child, nil
}

// drainCommands waits for commands and deliverers up to the end of ctx. Then it kills them, or
// leaves them to run on.
func (s *session) drainCommands(ctx context.Context, kill bool) {
	ended := make(chan struct{})
	go func() {
		s.parent.children.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	if !kill {
		return
	}
	s.mu.Lock()
	for _, r := range s.running {
		r.p.Kill()
	}
	s.mu.Unlock()
	<-ended
}

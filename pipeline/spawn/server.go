package spawn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/deliver"
)

// Meter is told of the commands that run. Safe for concurrent use.
type Meter interface {
	Began()
	Ended()
}

// Options of a Server.
type Options struct {
	// Command is what Parse made of the service's attributes. Required.
	Command Command
	// Service is the service as the privileged parent knows it, "name/type".
	Service string
	// Starter starts the commands, deliver.Self unless set: only root can then take on the rights
	// of another user.
	Starter deliver.Starter
	// Limit is how long a command may run (command_time_limit, transport_time_limit), Processes
	// how many may run at a time; 0: any number.
	Limit     time.Duration
	Processes int
	// Directory is where commands start (queue_directory), Environment their whole environment.
	// A privileged parent has both of its own reading.
	Directory   string
	Environment []string
	// MailOwner and SetgidGroup are whom no command may run as (mail_owner, setgid_group).
	MailOwner, SetgidGroup string
	// Meter is told of each command, nil for nobody.
	Meter Meter
	// Log gets warnings. Required.
	Log *maillog.Service
}

// Server runs a command for each connection. Safe for concurrent use.
type Server struct {
	o Options
	// places holds a token for each command that may run besides those that do; nil for any number.
	places chan struct{}
}

// New returns a server. It fails when an option is missing.
func New(o Options) (*Server, error) {
	switch {
	case len(o.Command.Argv) == 0:
		return nil, errors.New("spawn: no command")
	case o.Limit <= 0:
		return nil, errors.New("spawn: no time limit")
	case o.Log == nil:
		return nil, errors.New("spawn: no log")
	}
	if o.Starter == nil {
		o.Starter = deliver.Self{}
	}
	s := &Server{o: o}
	if o.Processes > 0 {
		s.places = make(chan struct{}, o.Processes)
		for range o.Processes {
			s.places <- struct{}{}
		}
	}
	return s, nil
}

// Ready says why the command could not run with the rights that user= asks for, nil if it could.
// It is for a warning when mtad starts: accounts are looked up anew for each connection.
func (s *Server) Ready() error {
	_, err := s.rights()
	return err
}

func (s *Server) rights() (deliver.As, error) {
	account := deliver.Account{User: s.o.Command.User, Group: s.o.Command.Group, MailOwner: s.o.MailOwner, SetgidGroup: s.o.SetgidGroup}
	_, self := s.o.Starter.(deliver.Self)
	return account.Rights(self)
}

// Serve runs the command for each connection of l until l is closed, and returns when those that run
// have ended. The end of ctx closes l and kills the commands.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for s.take(ctx) {
		c, err := l.Accept()
		if err != nil {
			s.give()
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		running.Go(func() {
			defer s.give()
			s.run(ctx, c)
		})
	}
	return nil
}

// take waits until one more command may run; false when ctx has ended.
func (s *Server) take(ctx context.Context) bool {
	if s.places == nil {
		return ctx.Err() == nil
	}
	select {
	case <-s.places:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) give() {
	if s.places != nil {
		s.places <- struct{}{}
	}
}

// run runs the command for one connection, to its end.
func (s *Server) run(ctx context.Context, c net.Conn) {
	if s.o.Meter != nil {
		s.o.Meter.Began()
		defer s.o.Meter.Ended()
	}
	p, err := s.start(c)
	if err != nil {
		s.warn("command %s cannot be started: %v", s.o.Command.Argv[0], err)
		return
	}
	ctx, stop := context.WithTimeout(ctx, s.o.Limit)
	defer stop()
	defer context.AfterFunc(ctx, p.Kill)()
	end, err := p.Wait()
	switch {
	case err != nil:
		s.warn("command %s: %v", s.o.Command.Argv[0], err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		s.warn("%s: command time limit exceeded", s.o.Command.Argv[0])
	case ctx.Err() != nil: // it was told to end
	case end.Signaled():
		s.warn("command %s killed by signal %d", s.o.Command.Argv[0], end.Signal())
	case end.ExitStatus() != 0:
		s.warn("command %s exit status %d", s.o.Command.Argv[0], end.ExitStatus())
	}
}

// start starts the command on a connection, which it closes on our side.
func (s *Server) start(c net.Conn) (deliver.Process, error) {
	f, err := file(c)
	_ = c.Close()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	as, err := s.rights()
	if err != nil {
		return nil, err
	}
	return s.o.Starter.Start(&deliver.Command{Kind: deliver.ByService, Service: s.o.Service, As: as, Argv: s.o.Command.Argv,
		Env: s.o.Environment, Directory: s.o.Directory}, f, s.o.Limit)
}

// file returns the connection as programs expect a file: one whose reads wait.
func file(c net.Conn) (*os.File, error) {
	from, ok := c.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("a connection of type %T is no file", c)
	}
	f, err := from.File()
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err == nil {
		var failed error
		err = errors.Join(raw.Control(func(fd uintptr) { failed = syscall.SetNonblock(int(fd), false) }), failed)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func (s *Server) warn(format string, args ...any) { s.o.Log.Warning(fmt.Sprintf(format, args...)) }

package spawn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/spawn"
)

// patience bounds every wait.
const patience = 60 * time.Second

// said collects the log.
type said struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// self is who commands run as here: with root's rights nobody, else the tester.
func self(t *testing.T) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return "nobody"
	}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// serving runs a server of a command until the test ends; stop ends it and returns the log.
func serving(t *testing.T, script string, change func(*spawn.Options)) (dial func() net.Conn, stop func() string) {
	t.Helper()
	var out said
	log := maillog.New(maillog.Options{Writer: &out, Name: "test", Host: "h"})
	o := spawn.Options{Command: spawn.Command{User: self(t), Argv: []string{"/bin/sh", "-c", script}}, Limit: patience, Log: log.Service("spawn"),
		Directory: "/", Environment: []string{"PATH=/usr/bin:/bin"}}
	if change != nil {
		change(&o)
	}
	s, err := spawn.New(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop = sync.OnceValue(func() string {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
		log.Flush()
		return out.String()
	})
	t.Cleanup(func() { stop() })
	return func() net.Conn {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}, stop
}

func whole(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestACommandHasTheConnectionAsAllItsFiles(t *testing.T) {
	dial, stop := serving(t, `read line; echo "out $line"; echo "err $line" >&2`, nil)
	c := dial()
	if _, err := io.WriteString(c, "x\n"); err != nil {
		t.Fatal(err)
	}
	if got := whole(t, c); got != "out x\nerr x\n" {
		t.Errorf("got %q", got)
	}
	if got := stop(); got != "" {
		t.Errorf("the log says %q", got)
	}
}

func TestHowACommandEndedIsInTheLog(t *testing.T) {
	for script, want := range map[string]string{
		"exit 7":     "warning: command /bin/sh exit status 7",
		"kill -9 $$": "warning: command /bin/sh killed by signal 9",
	} {
		dial, stop := serving(t, script, nil)
		whole(t, dial())
		// The command is gone; that Serve noticed is certain when it has ended.
		for end := time.Now().Add(patience); ; {
			if log := stop(); strings.Contains(log, want) {
				break
			} else if log != "" || time.Now().After(end) {
				t.Fatalf("%s: the log says %q", script, log)
			}
			dial, stop = serving(t, script, nil) // it was told to end before it had noticed
			whole(t, dial())
		}
	}
}

func TestACommandOutOfTimeIsKilledWithAllItStarted(t *testing.T) {
	dial, stop := serving(t, "sleep 600 & wait", func(o *spawn.Options) { o.Limit = 50 * time.Millisecond })
	if got := whole(t, dial()); got != "" { // ends when the last holder of the connection is gone
		t.Errorf("got %q", got)
	}
	_ = stop()
}

func TestTheEndKillsWhatRuns(t *testing.T) {
	dial, stop := serving(t, "echo up; exec sleep 600", nil)
	c := dial()
	if _, err := io.ReadFull(c, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	if got := stop(); got != "" {
		t.Errorf("the log says %q", got)
	}
	whole(t, c)
}

// refusing is a parent that does not start commands.
type refusing struct{}

func (refusing) Start(*deliver.Command, *os.File, time.Duration) (deliver.Process, error) {
	return nil, errors.New("not by me")
}

func TestACommandThatDoesNotStartEndsTheConnection(t *testing.T) {
	for want, change := range map[string]func(*spawn.Options){
		"command /no/such/program cannot be started: ": func(o *spawn.Options) { o.Command.Argv = []string{"/no/such/program"} },
		"not by me": func(o *spawn.Options) { o.Starter = refusing{} },
		"user=" + self(t) + " is the mail system owner": func(o *spawn.Options) { o.MailOwner = self(t) },
	} {
		dial, stop := serving(t, "cat", change)
		if got := whole(t, dial()); got != "" {
			t.Errorf("got %q", got)
		}
		if log := stop(); !strings.Contains(log, want) {
			t.Errorf("the log says %q, want %q", log, want)
		}
	}
}

func TestNewNeedsACommandATimeLimitAndALog(t *testing.T) {
	log := maillog.New(maillog.Options{Writer: io.Discard}).Service("spawn")
	c := spawn.Command{User: "nobody", Argv: []string{"/bin/cat"}}
	for _, o := range []spawn.Options{{Limit: 1, Log: log}, {Command: c, Log: log}, {Command: c, Limit: 1}} {
		if _, err := spawn.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

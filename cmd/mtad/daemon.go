package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
)

// stopTimeout is how long "mtad stop" waits for the daemon to end.
const stopTimeout = 2 * time.Minute

const helpReload = `usage: mtad [-c DIR] reload

Has the running daemon read its configuration again. If the new one is wrong,
the daemon says why and goes on with the old one. SIGHUP does the same.

Exit code: 0 done, 1 refused or not running.
`

const helpStop = `usage: mtad [-c DIR] stop

Stops the running daemon: it takes no new mail, finishes what it is doing and
ends. Waits for the end, at most 2 minutes. SIGTERM does the same.

Exit code: 0 ended, 1 not running, refused or not ended in time.
`

const helpStatus = `usage: mtad [-c DIR] status

Shows version, process id, age, the number of messages per queue, and the
services: name, type, program, what is under way (sessions or deliveries) and
the most at a time, how many there were and how many clients were turned away,
where it listens, and whether it is suspended.

Exit code: 0 it runs, 1 it does not.
`

// client returns a client of the daemon of this configuration.
func (sh *shell) client() (*ctl.Client, error) {
	c, err := sh.config()
	if err != nil {
		return nil, err
	}
	return ctl.NewClient(c.String("control_socket")), nil
}

// ask does fn with a client. args must be empty.
func (sh *shell) ask(args []string, fn func(context.Context, *ctl.Client) error) int {
	if len(args) > 0 {
		return sh.fail(exUsage, "no such argument: %s (mtad %s --help)", args[0], sh.name)
	}
	c, err := sh.client()
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	defer c.Close()
	if err := fn(context.Background(), c); err != nil {
		return sh.fail(exFailure, "%s", told(err))
	}
	return exOK
}

// told is an error of the control socket for a user.
func told(err error) string {
	var e *status.Error
	switch {
	case errors.Is(err, ctl.ErrDown):
		return "the mail system is not running"
	case errors.As(err, &e) && e.Cause != nil:
		return e.Reply.Text + ": " + e.Cause.Error()
	case errors.As(err, &e):
		return e.Reply.Text
	}
	return err.Error()
}

func reload(sh *shell, args []string) int {
	return sh.ask(args, func(ctx context.Context, c *ctl.Client) error { return c.Reload(ctx) })
}

func stop(sh *shell, args []string) int {
	return sh.ask(args, func(ctx context.Context, c *ctl.Client) error {
		st, err := c.Status(ctx)
		if err == nil {
			err = c.Stop(ctx)
		}
		if err != nil {
			return err
		}
		return gone(ctx, c, st.PID)
	})
}

// gone waits until no daemon answers and its process has ended: only then is the queue free.
func gone(ctx context.Context, c *ctl.Client, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := c.Status(ctx); errors.Is(err, ctl.ErrDown) && hasEnded(pid) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("it is still running")
		}
	}
}

// hasEnded says whether there is no process of this number, or one that only its parent has not
// asked about yet.
func hasEnded(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false // it is somebody else's, or there is no /proc
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

func showStatus(sh *shell, args []string) int {
	return sh.ask(args, func(ctx context.Context, c *ctl.Client) error {
		st, err := c.Status(ctx)
		if err == nil {
			sh.printStatus(&st)
		}
		return err
	})
}

func (sh *shell) printStatus(st *ctl.Status) {
	fmt.Fprintf(sh.out, "mtad %s, pid %d, up %s, configuration %s\n", st.Version, st.PID,
		time.Since(st.Started).Round(time.Second), st.Config)
	sh.print("queue:")
	for _, state := range slices.Sorted(maps.Keys(st.Queue)) {
		fmt.Fprintf(sh.out, " %s %d", state, st.Queue[state])
	}
	sh.print("\n")
	for i := range st.Services {
		sh.printService(&st.Services[i])
	}
}

// printService shows a service in one line.
func (sh *shell) printService(s *ctl.Service) {
	load := ""
	if l := s.Load; l != nil {
		limit := "-"
		if l.Limit > 0 {
			limit = strconv.Itoa(l.Limit)
		}
		load = fmt.Sprintf("%d/%s total %d", l.Busy, limit, l.Total)
		if l.Refused > 0 {
			load += fmt.Sprintf(" refused %d", l.Refused)
		}
	}
	line := fmt.Sprintf("%-20s %-5s %-10s %-24s %s", s.Name, s.Type, s.Program, load, s.Address)
	if s.Suspended != nil {
		line = strings.TrimRight(line, " ") + "  suspended: " + suspensionText(s.Suspended)
	}
	fmt.Fprintln(sh.out, strings.TrimRight(line, " "))
}

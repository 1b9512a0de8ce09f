package parent

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/spawn"
)

// The pause before a worker that failed is started again.
const (
	leastPause = time.Second
	mostPause  = time.Minute
)

// Result is how Run ended.
type Result struct {
	// Code is the exit code for this process.
	Code int
	// Upgrade says that the next program shall take over in this process.
	Upgrade bool
}

// Run starts the worker as rights and serves it until it ends for good.
//
// SIGHUP makes both read the configuration again. SIGTERM and SIGINT let the worker finish what is
// under way; a second one kills it, and so does the end of Options.StopTime. SIGUSR2 is an upgrade:
// the worker finishes as for SIGTERM, and the Result says that the next program's turn has come.
func (p *Parent) Run(rights *spawn.Rights) (Result, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR2)
	defer signal.Stop(signals)
	pause := leastPause
	for {
		p.ready.Store(false)
		w, err := p.start(rights)
		if err != nil {
			return Result{Code: 1}, err
		}
		begun := time.Now()
		end, why := p.attend(w, signals)
		orderly := end.Exited() && end.ExitStatus() == 0 // it was told to stop by its own socket
		if why != failed || orderly || !p.ready.Load() {
			p.finish(w, why == upgrading)
			return Result{Code: code(end, why), Upgrade: why == upgrading}, nil
		}
		if time.Since(begun) > 10*mostPause {
			pause = leastPause
		}
		p.o.Log.Error(fmt.Sprintf("the worker ended: %s; it is started again in %v", describe(end), pause))
		p.o.Notifier.Status("the worker failed and is started again")
		if stop := sleep(pause, signals); stop {
			return Result{}, nil
		}
		pause = min(2*pause, mostPause)
	}
}

// ending is why a worker ended.
type ending uint8

const (
	failed ending = iota
	stopping
	upgrading
)

// attend passes signals on until the worker has ended.
func (p *Parent) attend(w *worker, signals <-chan os.Signal) (end syscall.WaitStatus, why ending) {
	late := time.NewTimer(time.Hour)
	late.Stop()
	defer late.Stop()
	stop := func(reason ending) {
		if why != failed {
			w.Signal(w.PID(), syscall.SIGKILL)
			return
		}
		why = reason
		w.Signal(w.PID(), syscall.SIGTERM)
		late.Reset(p.o.StopTime + 5*time.Second) // the worker keeps the limit itself; this is for one that hangs
	}
	for {
		select {
		case end = <-w.ended:
			return end, why
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				w.Signal(w.PID(), syscall.SIGHUP) // it asks for our reading too
			case syscall.SIGUSR2:
				if err := p.askUpgrade(); err != nil {
					p.o.Log.Error("upgrade: " + err.Error())
				}
			default:
				stop(stopping)
			}
		case <-p.upgrade:
			if why == failed {
				p.o.Log.Info("upgrade: the worker finishes, then " + p.o.Next + " takes over")
				p.o.Notifier.Reloading()
				stop(upgrading)
			}
		case <-late.C:
			p.o.Log.Warn("the worker does not end: it is killed")
			w.Signal(w.PID(), syscall.SIGKILL)
		}
	}
}

// finish waits a moment for commands that run on: what they deliver is done whether or not somebody
// hears of it. The next program could not wait for them, so before an upgrade they are killed.
func (p *Parent) finish(w *worker, kill bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	w.session.drainCommands(ctx, kill)
}

// sleep waits; stop says that a signal asked for the end.
func sleep(d time.Duration, signals <-chan os.Signal) (stop bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return false
		case s := <-signals:
			if s == syscall.SIGTERM || s == syscall.SIGINT {
				return true
			}
		}
	}
}

// code is the exit code of the parent of a worker that ended so.
func code(end syscall.WaitStatus, why ending) int {
	switch {
	case end.Exited():
		return end.ExitStatus()
	case why == failed:
		return 1
	}
	return 0
}

func describe(end syscall.WaitStatus) string {
	if end.Signaled() {
		return "signal " + end.Signal().String()
	}
	return fmt.Sprintf("status %d", end.ExitStatus())
}

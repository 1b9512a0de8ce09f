package pickup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
)

// Options of a Pickup.
type Options struct {
	// Dir is the maildrop directory. It must exist, with mode drop.DirMode.
	Dir string
	// Submit queues one message and returns its id (cleanup.Door.Submit). A *status.Error
	// with a 5xx reply refuses it for good.
	Submit func(ctx context.Context, env *mail.Envelope, text io.Reader) (id string, err error)
	// Return sends a refused message back to env.Sender; when it returns nil, the message is
	// queued there and the file goes. Nil keeps refused messages in the directory.
	Return func(ctx context.Context, env *mail.Envelope, reply status.Reply, text mail.Content) error
	// Log gets one line per message, "ID: uid=1000 from=<user>", and what goes wrong.
	Log *maillog.Service
	// SizeLimit is message_size_limit in bytes, 0 for none. A larger file is refused without
	// reading it.
	SizeLimit int64
	// Wakeup is how often to look without being told; a minute unless set (the wakeup column
	// of pickup in master.cf).
	Wakeup time.Duration
	// Timeout is for one message; 10 minutes unless set.
	Timeout time.Duration
}

// Pickup watches one maildrop directory. Make it with New.
type Pickup struct {
	o    Options
	poke chan struct{}
}

// New returns a Pickup. Nothing happens before Run.
func New(o Options) *Pickup {
	if o.Wakeup <= 0 {
		o.Wakeup = time.Minute
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Minute
	}
	return &Pickup{o: o, poke: make(chan struct{}, 1)}
}

// Poke makes Run look into the directory soon. It does not wait. Safe for concurrent use.
func (p *Pickup) Poke() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// Run takes files until ctx ends; the message under way is finished or left as it was. Call it
// once at a time.
func (p *Pickup) Run(ctx context.Context) error {
	events, closeWatch := p.watch()
	defer closeWatch()
	ticker := time.NewTicker(p.o.Wakeup)
	defer ticker.Stop()
	for {
		p.Scan(ctx)
		if err := p.wait(ctx, events, ticker.C); err != nil {
			return err
		}
	}
}

// wait returns when there is a reason to look, or with the error of ctx.
func (p *Pickup) wait(ctx context.Context, events <-chan fsnotify.Event, tick <-chan time.Time) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.poke:
			return nil
		case <-tick:
			return nil
		case e, ok := <-events:
			if !ok {
				events = nil // the watcher is gone; the ticker stays
			} else if e.Has(fsnotify.Create) && !isOurs(filepath.Base(e.Name)) {
				return nil
			}
		}
	}
}

// watch returns the events of the directory, nil when the system has none to give: then a file
// waits for the ticker.
func (p *Pickup) watch() (<-chan fsnotify.Event, func()) {
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.Add(p.o.Dir); err != nil {
			err = errors.Join(err, w.Close())
		}
	}
	if err != nil {
		p.o.Log.Warning("cannot watch " + p.o.Dir + ": " + err.Error() + "; looking every " + p.o.Wakeup.String())
		return nil, func() {}
	}
	done := make(chan struct{})
	go func() { // ends when the watcher is closed
		defer close(done)
		for range w.Errors { // an overflow loses events, which the ticker makes up for
		}
	}()
	return w.Events, func() {
		if err := w.Close(); err != nil {
			p.o.Log.Warning("cannot close the watch of " + p.o.Dir + ": " + err.Error())
		}
		<-done
	}
}

// Scan takes every file that is in the directory now. Run calls it; tests may.
func (p *Pickup) Scan(ctx context.Context) {
	for ctx.Err() == nil {
		files, more, err := oldest(p.o.Dir)
		if err != nil {
			p.o.Log.Warning("cannot read " + p.o.Dir + ": " + err.Error())
			return
		}
		gone := 0
		for _, f := range files {
			if ctx.Err() == nil && p.take(ctx, f.name) {
				gone++
			}
		}
		if !more || gone == 0 {
			return
		}
	}
}

// aside renames a file that will not be tried again.
func (p *Pickup) aside(name, prefix string, why error) bool {
	p.o.Log.Warning("maildrop/" + name + ": " + why.Error() + "; kept as " + prefix + name)
	err := os.Rename(filepath.Join(p.o.Dir, name), filepath.Join(p.o.Dir, prefix+name))
	if err != nil {
		p.o.Log.Error("maildrop/" + name + ": " + err.Error())
	}
	return err == nil
}

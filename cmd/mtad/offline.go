package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store"
)

// errNoQueue says that no daemon ever ran here.
var errNoQueue = errors.New("there is no queue yet")

// offline is the queue of a daemon that does not run.
type offline struct{ s *store.Store }

var (
	_ ctl.Actor  = offline{}
	_ ctl.Lister = offline{}
)

// openOffline opens the queue directly. To change it, a command of root becomes the owner of the
// queue for good: else the daemon could not read what it leaves.
func openOffline(c *conf.Config, change bool) (offline, error) {
	dir := filepath.Join(c.String("queue_directory"), "store")
	st, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return offline{}, errNoQueue
	}
	if err == nil && change {
		err = becomeOwnerOf(st)
	}
	if err != nil {
		return offline{}, err
	}
	return openFree(store.Options{Dir: dir, ReadOnly: !change, LongIDs: c.Bool("enable_long_queue_ids"), Log: slog.New(slog.DiscardHandler)})
}

// freeTime is how long openFree waits.
const freeTime = 10 * time.Second

// openFree opens a queue that another command, or a daemon that is about to end, may have for a
// moment.
func openFree(o store.Options) (offline, error) {
	for end := time.Now().Add(freeTime); ; time.Sleep(20 * time.Millisecond) {
		s, err := store.Open(o)
		if !errors.Is(err, store.ErrInUse) || time.Now().After(end) {
			return offline{s}, err
		}
	}
}

// queueOwner is the user who owns the queue, or the place where it will be.
func queueOwner(c *conf.Config) (uid int, err error) {
	st, err := os.Stat(filepath.Join(c.String("queue_directory"), "store"))
	if errors.Is(err, fs.ErrNotExist) {
		st, err = os.Stat(c.String("queue_directory"))
	}
	if err != nil {
		return 0, err
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("the system does not tell who owns the queue")
	}
	return int(s.Uid), nil
}

// becomeOwnerOf gives up root for the owner of a file.
func becomeOwnerOf(st fs.FileInfo) error {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || s.Uid == 0 {
		return nil
	}
	if err := syscall.Setgroups([]int{int(s.Gid)}); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(int(s.Gid)); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	return syscall.Setuid(int(s.Uid))
}

func (o offline) close() error { return o.s.Close() }

// List lists all entries. None is active.
func (o offline) List(ctx context.Context, fn func(*queue.Entry, *queue.Record) bool) error {
	for _, state := range []queue.State{queue.Incoming, queue.Deferred, queue.Hold, queue.Corrupt} {
		more := true
		err := o.s.Each(ctx, state, "", func(e *queue.Entry, r *queue.Record) bool {
			more = fn(e, r)
			return more
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// Find returns an entry and its record.
func (o offline) Find(_ context.Context, id string) (*queue.Entry, *queue.Record, error) {
	return o.s.Load(id)
}

// Open returns the text of an entry.
func (o offline) Open(id string) (mail.Content, error) { return o.s.Open(id) }

// Hold puts an entry on hold.
func (o offline) Hold(ctx context.Context, id string) error {
	return o.update(id, func(r *queue.Record) error {
		r.State, r.Reason = queue.Hold, "held by the administrator"
		return nil
	})
}

// Release makes an entry on hold due.
func (o offline) Release(ctx context.Context, id string) error {
	return o.update(id, func(r *queue.Record) error {
		if r.State != queue.Hold {
			return queue.ErrNotFound
		}
		r.State, r.Reason, r.Due = queue.Deferred, "", time.Now()
		return nil
	})
}

// Requeue marks an entry; the daemon requeues it when it starts.
func (o offline) Requeue(_ context.Context, id string) error {
	return o.update(id, func(r *queue.Record) error {
		r.State, r.Reason = queue.Hold, ctl.RequeueReason
		return nil
	})
}

// Expire has an entry returned to its sender once the daemon runs.
func (o offline) Expire(_ context.Context, id string) error {
	return o.update(id, func(r *queue.Record) error {
		r.Expire = true
		if r.State == queue.Deferred {
			r.Due = time.Now()
		}
		return nil
	})
}

// Delete removes an entry.
func (o offline) Delete(_ context.Context, id string) error { return o.s.Remove(id) }

func (o offline) update(id string, fn func(*queue.Record) error) error {
	_, r, err := o.s.Load(id)
	if err == nil {
		err = fn(r)
	}
	if err != nil {
		return err
	}
	return o.s.Update(id, r, nil)
}

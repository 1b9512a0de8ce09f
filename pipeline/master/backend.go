package master

import (
	"context"
	"fmt"
	"io"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// backend is what the control socket may ask for.
type backend struct{ m *Master }

var _ ctl.Backend = backend{}

func (b backend) gen() *generation { return b.m.gen.Load() }

// List streams the queue: what is active first.
func (b backend) List(ctx context.Context, fn func(*queue.Entry, *queue.Record) bool) error {
	active := map[string]bool{}
	for _, id := range b.gen().queue.Active() {
		active[id] = true
		e, r, err := b.m.store.Load(id)
		if err != nil {
			continue // delivered meanwhile, or corrupt and listed below
		}
		r.State = queue.Active
		if !fn(e, r) {
			return nil
		}
	}
	for _, s := range []queue.State{queue.Incoming, queue.Deferred, queue.Hold, queue.Corrupt} {
		more := true
		err := b.m.store.Each(ctx, s, "", func(e *queue.Entry, r *queue.Record) bool {
			if !active[e.ID] {
				more = fn(e, r)
			}
			return more
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// Flush makes deferred mail due that matches.
func (b backend) Flush(ctx context.Context, match func(*queue.Entry, *queue.Record) bool) (int, error) {
	return b.gen().queue.Flush(ctx, match)
}

// FlushID makes one entry due.
func (b backend) FlushID(ctx context.Context, id string) error { return b.gen().queue.FlushID(ctx, id) }

// Hold puts an entry on hold.
func (b backend) Hold(ctx context.Context, id string) error {
	return b.gen().queue.Hold(ctx, id, ctl.HeldByAdmin)
}

// Release makes an entry on hold due.
func (b backend) Release(ctx context.Context, id string) error { return b.gen().queue.Release(ctx, id) }

// Delete removes an entry.
func (b backend) Delete(ctx context.Context, id string) error { return b.gen().queue.Delete(ctx, id) }

// Reload reads the configuration again.
func (b backend) Reload(ctx context.Context) error {
	if err := b.m.Reload(ctx); err != nil {
		return status.Tempfail("4.3.5", "mtad goes on with the configuration it had").Because(err)
	}
	return nil
}

// Stop begins to stop.
func (b backend) Stop(context.Context) error {
	b.m.stop()
	return nil
}

// Upgrade begins to hand over to the program that is now where ours was.
func (b backend) Upgrade(context.Context) error { return b.m.around.upgrade() }

// Status tells about the daemon.
func (b backend) Status(context.Context) (ctl.Status, error) {
	s := ctl.Status{Version: b.m.o.Version, PID: b.m.around.pid(), Started: b.m.begun, Queue: map[string]int{}}
	g := b.gen()
	s.Config = g.cfg.Dir()
	for st, n := range g.queue.Counts() {
		s.Queue[st.String()] = n
	}
	s.Services = b.services()
	return s, nil
}

// Submit queues a message of a local user.
func (b backend) Submit(ctx context.Context, env *mail.Envelope, text io.Reader) (string, error) {
	return b.gen().submit(ctx, env, text)
}

// healthy says whether mail can be taken.
func (m *Master) healthy(context.Context) error {
	free, err := m.store.FreeBytes()
	if err != nil {
		return err
	}
	if want := m.cfg.Size("queue_minfree"); free < want || free == 0 {
		return fmt.Errorf("queue_directory has %d bytes free, queue_minfree is %d", free, want)
	}
	return nil
}

package master_test

import (
	"context"
	"os"
	"strings"
	"syscall"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// dieVariable names the moment at which the daemon of a test ends as kill -9 ends it: "before" or
// "after" a transition as the store sees it, "before incoming>deferred". "new" and "removed" are
// where entries come from and go to; "*" is any state.
const dieVariable = "MTAD_TEST_DIE"

// dying is a store that ends the process at a moment.
type dying struct {
	queue.Store
	when, from, to string
}

func dieAt(moment string) func(queue.Store) queue.Store {
	when, transition, _ := strings.Cut(moment, " ")
	from, to, _ := strings.Cut(transition, ">")
	return func(s queue.Store) queue.Store { return &dying{s, when, from, to} }
}

// passing does a transition, and dies before or after it when it is the one.
func (d *dying) passing(from, to string, do func() error) error {
	mine := (d.from == "*" || d.from == from) && d.to == to
	if mine && d.when == "before" {
		die()
	}
	err := do()
	if mine && d.when == "after" && err == nil {
		die()
	}
	return err
}

// die ends this process without a chance to do anything.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// stateOf is the state that the store has of an entry.
func (d *dying) stateOf(id string) string {
	_, rec, err := d.Store.Load(id)
	if err != nil {
		return "nowhere"
	}
	return rec.State.String()
}

func (d *dying) Update(id string, r *queue.Record, changed []int) error {
	return d.passing(d.stateOf(id), r.State.String(), func() error { return d.Store.Update(id, r, changed) })
}

func (d *dying) Remove(id string) error {
	return d.passing(d.stateOf(id), "removed", func() error { return d.Store.Remove(id) })
}

func (d *dying) Begin(ctx context.Context) (queue.Draft, error) {
	draft, err := d.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &dyingDraft{draft, d}, nil
}

type dyingDraft struct {
	queue.Draft
	d *dying
}

func (d *dyingDraft) Fork() queue.Draft { return &dyingDraft{d.Draft.Fork(), d.d} }

func (d *dyingDraft) Commit(ctx context.Context, env *mail.Envelope, head []byte, s queue.State, reason string) (e *queue.Entry, err error) {
	from := "new"
	if env.Origin.Kind == mail.KindBounce {
		from = "notice"
	}
	err = d.d.passing(from, s.String(), func() error {
		e, err = d.Draft.Commit(ctx, env, head, s, reason)
		return err
	})
	return e, err
}

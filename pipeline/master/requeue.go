package master

import (
	"context"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/cleanup"
	"github.com/mtad/mtad/pipeline/hook"
)

// Requeue has an entry pass the door again, for its remaining recipients, with a new id: addresses
// are rewritten anew, header and body checks are asked and content_filter applies, but not the
// plugins and milters, which have seen it (postsuper(1) -r). It keeps the time of its arrival. It is
// on hold meanwhile, so that nothing is lost or sent twice if this process dies on the way; the old
// entry goes only when the new one is committed.
func (b backend) Requeue(ctx context.Context, id string) error {
	g := b.gen()
	if err := g.queue.Hold(ctx, id, requeueing); err != nil {
		return err
	}
	e, r, err := b.m.store.Load(id)
	if err != nil {
		return err
	}
	text, err := b.m.store.Open(id)
	if err != nil {
		return err
	}
	defer text.Close()
	env := e.Envelope
	env.Recipients, env.Filter = nil, g.localFilter
	for _, i := range r.Pending() {
		rc := e.Recipients[i]
		rc.Address = rc.Original
		env.Recipients = append(env.Recipients, rc)
	}
	if len(env.Recipients) > 0 {
		if _, err := g.again.Submit(ctx, &env, mail.Reader(text)); err != nil {
			return err
		}
	}
	return g.queue.Delete(ctx, id)
}

// doorForRequeued is cleanup for mail that was here before.
func (g *generation) doorForRequeued() (*cleanup.Door, error) {
	c := g.confOf("pickup")
	if c.Has("receive_override_options", "no_header_body_checks") {
		return g.door(c, nil)
	}
	cc, err := g.cleanupConf(c)
	if err != nil {
		return nil, err
	}
	checks, err := g.checks(cc)
	if err != nil || checks == nil {
		if err == nil {
			return g.door(c, nil)
		}
		return nil, err
	}
	return g.door(c, hook.NewSet(nil, g.hookOptions(c)).With(checks, nil))
}

package cleanup

import (
	"context"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/rewrite"
	"github.com/mtad/mtad/queue"
)

// bodyHook asks the plugins about what has arrived of the body; last says that it is all.
func (j *Job) bodyHook(ctx context.Context, last bool) error {
	if j.hooks == nil {
		return nil
	}
	a := hook.Arrived{Size: j.size - int64(j.known), BodyOff: j.bodyOff(), Last: last}
	if e := j.hooks.Body(ctx, a, func() mail.Content { return j.draft.Content() }); e != nil {
		return j.fail(e)
	}
	return nil
}

// asked is a Rewriter with the plugins' rewrite hook behind it: they see an envelope address as
// canonical mapping and masquerading left it, and virtual aliases are looked up for what they
// make of it.
type asked struct {
	Rewriter
	hooks *hook.Message
}

// rewriter returns what rewrites the addresses of this message.
func (j *Job) rewriter() Rewriter {
	if j.hooks == nil || j.d.o.Rewriter == nil {
		return j.d.o.Rewriter
	}
	return asked{j.d.o.Rewriter, j.hooks}
}

// Sender rewrites the envelope sender.
func (a asked) Sender(ctx context.Context, address string) (string, error) {
	return a.rewrite(ctx, a.Rewriter.Sender, hook.EnvelopeSender, address)
}

// Recipient rewrites an envelope recipient.
func (a asked) Recipient(ctx context.Context, address string) (string, error) {
	return a.rewrite(ctx, a.Rewriter.Recipient, hook.EnvelopeRecipient, address)
}

func (a asked) rewrite(ctx context.Context, first func(context.Context, string) (string, error), class, address string) (string, error) {
	address, err := first(ctx, address)
	if err != nil {
		return "", err
	}
	result, e := a.hooks.Rewrite(ctx, class, address)
	if e != nil {
		return "", e
	}
	if result != address {
		result = a.Standard(result)
	}
	return result, nil
}

// headerHook returns what asks the plugins about header addresses, nil without plugins.
func (j *Job) headerHook() func(context.Context, rewrite.Classes, string) (string, error) {
	if j.hooks == nil {
		return nil
	}
	return func(ctx context.Context, place rewrite.Classes, address string) (string, error) {
		class := hook.HeaderRecipient
		if place == rewrite.HeaderSender {
			class = hook.HeaderSender
		}
		result, e := j.hooks.Rewrite(ctx, class, address)
		if e != nil {
			return "", e
		}
		return result, nil
	}
}

// tell reports a committed entry: queued, and held when it is on hold.
func (j *Job) tell(e *queue.Entry, s queue.State) {
	told := j.d.o.OnEvent
	if told == nil {
		return
	}
	told(queue.Event{Kind: "queued", Entry: e, At: e.Arrived})
	if s == queue.Hold {
		told(queue.Event{Kind: "held", Entry: e, At: j.d.o.Clock()})
	}
}

package local

import (
	"context"
	"io"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// forwarding is a new entry that is being collected: all addresses of a recipient that get the same
// sender.
type forwarding struct {
	sender     string
	owned      bool
	recipients []mail.Recipient
	seen       map[string]bool
}

// resubmit puts an address into a new entry.
func (x *expansion) resubmit(s *state) {
	if x.req.Entry.Probe() {
		x.attempt(s, "probe "+s.address, func() (string, error) { return "forwards to " + s.address, nil })
		return
	}
	var f *forwarding
	for i := range x.forwards {
		if x.forwards[i].sender == s.sender {
			f = &x.forwards[i]
		}
	}
	if f == nil {
		x.forwards = append(x.forwards, forwarding{sender: s.sender, owned: s.owner != "", seen: map[string]bool{}})
		f = &x.forwards[len(x.forwards)-1]
	}
	key := strings.ToLower(s.address)
	if f.seen[key] {
		return
	}
	if x.o.DuplicateLimit <= 0 || len(f.seen) < x.o.DuplicateLimit {
		f.seen[key] = true
	}
	r := x.top
	r.Address = s.address
	if r.Original == "" {
		r.Original = x.top.Address
	}
	if f.owned {
		// RFC 3461 §5.2.7.3: the list ends the sender's wishes; its owner has none.
		r.Notify, r.ORcpt = mail.NotifyDefault, ""
	}
	f.recipients = append(f.recipients, r)
}

// flush queues what was collected. Invariant: a new entry is on stable storage before the recipient
// counts as done.
func (x *expansion) flush(ctx context.Context) {
	for i := range x.forwards {
		f := &x.forwards[i]
		s := state{address: x.top.Address}
		x.once(&s, "forward "+f.sender, func() queue.Result {
			id, err := x.submit(ctx, f)
			if err != nil {
				return x.filtered(x.at.Failed(tryLater("unable to forward message", err)))
			}
			return x.at.Expanded("forwarded as " + id)
		})
	}
}

func (x *expansion) submit(ctx context.Context, f *forwarding) (string, error) {
	env := x.req.Entry.Envelope
	env.ID, env.Sender, env.Recipients, env.Filter = "", f.sender, f.recipients, ""
	env.Origin.Kind, env.Origin.Service = mail.KindForward, x.req.Transport
	env.Origin.Local, env.Origin.Hops = false, env.Origin.Hops+1
	if f.owned {
		env.EnvID, env.Ret = "", mail.RetDefault
	}
	var text io.Reader = mail.Reader(x.text)
	if x.o.DeliveredForward {
		text = io.MultiReader(strings.NewReader("Delivered-To: "+status.Clean(x.top.Address)+"\r\n"), text)
	}
	return x.o.Submitter.Submit(ctx, &env, text)
}

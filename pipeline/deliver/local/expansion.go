package local

import (
	"context"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/local/target"
	"github.com/mtad/mtad/queue"
)

// The limits of an expansion.
const (
	maxLevel = 100
	maxSteps = 200_000
)

// expansion is a recipient and all that it stands for.
type expansion struct {
	*delivery
	at  deliver.Attempt
	top mail.Recipient
	// parts are the deliveries so far; earlier those of earlier attempts, by key.
	parts   []part
	earlier map[string]part
	// keys are the deliveries that were done; steps the recipients that were looked at, each
	// with its level, so that an alias that names itself twice does not double without end.
	keys, steps map[string]bool
	forwards    []forwarding
	relayed     bool // luser_relay stands in for a user
}

// part is one delivery.
type part struct {
	key     string
	address string
	result  queue.Result
	told    bool // in an earlier attempt
}

// state is what is known of one recipient of the expansion. It is a value: each level has its own.
type state struct {
	address string
	level   int
	// local is the local part, in lower case; user and extension are its parts.
	local, user, delimiter, extension string
	// past says that neither aliases nor .forward count: \user.
	past bool
	// via is where the recipient stood, alias the name of the alias it came from, "" for none.
	via   deliver.Kind
	alias string
	// owner is the name of the owner- alias on the way here, sender the envelope sender.
	owner, sender string
	// rights are those of the commands and files that come next; nil for DefaultPrivs.
	rights *User
	// unmatched is the extension that results get.
	unmatched string
	account   *User
}

// step reports whether a step of the expansion is new.
func (x *expansion) step(key string) bool {
	if x.steps[key] {
		return false
	}
	if x.steps == nil {
		x.steps = map[string]bool{}
	}
	x.steps[key] = true
	return true
}

// once does a delivery, unless it was done for this recipient of the message already.
func (x *expansion) once(s *state, key string, do func() queue.Result) {
	if x.keys[key] {
		return
	}
	if x.keys == nil {
		x.keys = map[string]bool{}
	}
	if x.o.DuplicateLimit <= 0 || len(x.keys) < x.o.DuplicateLimit {
		x.keys[key] = true
	}
	if p, ok := x.earlier[key]; ok {
		p.told = true
		x.parts = append(x.parts, p)
		return
	}
	x.at.Begun = x.o.Clock()
	x.parts = append(x.parts, part{key: key, address: s.address, result: do()})
}

// failed notes that a recipient of the expansion fails.
func (x *expansion) failed(s *state, err error) {
	x.once(s, "failed "+s.address, func() queue.Result { return x.filtered(x.at.Failed(err)) })
}

// filtered is a result as local_delivery_status_filter has it. What another transport did is that one's.
func (x *expansion) filtered(r queue.Result) queue.Result {
	if x.o.Filter != nil {
		x.o.Filter(context.Background(), &r) // tables have time limits of their own
	}
	return r
}

// attempt does a delivery that ends with a text or an error.
func (x *expansion) attempt(s *state, key string, do func() (said string, err error)) {
	x.once(s, key, func() queue.Result {
		said, err := do()
		if err != nil {
			return x.filtered(x.at.Failed(err))
		}
		return x.filtered(x.at.Sent("2.0.0", said))
	})
}

// recipient delivers to one recipient of the expansion, in the order of the package documentation.
func (x *expansion) recipient(ctx context.Context, s state) {
	if x.seen.Has(s.address) {
		x.failed(&s, deliver.Loop(s.address))
		return
	}
	s.local = strings.ToLower(addr.Unquote(addr.Local(s.address)))
	s.user = s.local
	switch {
	case s.local == "":
		x.failed(&s, status.New(553, "5.1.3", "null username in %q", s.address))
	case x.o.DoubleBounceSender != "" && s.local == strings.ToLower(x.o.DoubleBounceSender):
		x.once(&s, "discard", func() queue.Result {
			return x.at.Sent("2.0.0", "undeliverable postmaster notification discarded")
		})
	case s.past:
		x.mailbox(ctx, s)
	default:
		x.user(ctx, s)
	}
}

// user is the way of a user: aliases with and without the extension, .forward, the mailbox.
func (x *expansion) user(ctx context.Context, s state) {
	if x.alias(ctx, s, s.local, "") {
		return
	}
	if user, extension, ok := addr.SplitExtension(s.local, x.o.RecipientDelimiter); ok {
		s.user, s.extension, s.delimiter = user, extension, s.local[len(user):len(user)+1]
		if strings.Contains(extension, "/") {
			// Postfix: an extension must not become a path.
			s.extension, s.delimiter = "", ""
		}
		if x.alias(ctx, s, user, s.extension) {
			return
		}
	}
	if len(x.o.ForwardPath) > 0 && x.forward(ctx, &s) {
		return
	}
	x.mailbox(ctx, s)
}

// targets delivers to what an alias or a file says.
func (x *expansion) targets(ctx context.Context, s state, all []target.Target) {
	for _, t := range all {
		switch t.Kind {
		case target.Address:
			x.address(ctx, s, t.Value)
		case target.Mailbox:
			next := s
			next.past = true
			x.address(ctx, next, t.Value)
		case target.File:
			x.file(ctx, s, t.Value)
		case target.Command:
			x.command(ctx, s, s.via, t.Value, s.rights)
		case target.Include:
			x.include(ctx, s, t.Value)
		}
	}
}

// address goes on with an address: here when it is ours, else by way of a new entry. So is the mail
// of a list with an owner, so that each of its recipients has a fate of its own and the sender never
// hears of it.
func (x *expansion) address(ctx context.Context, s state, address string) {
	address = x.o.Resolver.Standard(address)
	if s.unmatched != "" {
		address = extend(address, x.o.RecipientDelimiter, s.unmatched)
	}
	s.level++
	next := s
	next.address, next.unmatched = address, ""
	if s.level > maxLevel || len(x.steps) >= maxSteps {
		x.failed(&next, status.New(554, "5.4.6", "alias database loop for %s", strings.ToLower(addr.Unquote(addr.Local(address)))).By("alias_maps"))
		return
	}
	env := x.req.Entry.Envelope
	env.Filter = ""
	route, err := x.o.Resolver.Resolve(ctx, &env, mail.Recipient{Address: address, Original: address})
	switch {
	case err != nil:
		x.failed(&next, tryLater("address resolver failed, try again later", err))
	case route.Transport != x.req.Transport || s.owner != "" && !s.past:
		x.resubmit(&next)
	case x.step(stepKey(&next)):
		x.recipient(ctx, next)
	}
}

func stepKey(s *state) string {
	kind := "recipient "
	if s.past {
		kind = "mailbox "
	}
	return kind + string(rune(s.level)) + " " + s.address
}

// extend puts an extension behind the user of an address.
func extend(address, delimiters, extension string) string {
	local, domain, ok := addr.Split(address)
	if delimiters == "" {
		return address
	}
	local = addr.Quote(addr.Unquote(local) + delimiters[:1] + extension)
	if !ok {
		return local
	}
	return local + "@" + domain
}

package pipe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/queue"
)

// Options of an Agent.
type Options struct {
	// Command is what Parse made of the service's attributes. Required.
	Command Command
	// Service is the name of the service in master.cf.
	Service string
	// Runner starts the command, deliver.Self unless set: only root can then take on the rights
	// of another user.
	Runner deliver.Runner
	// TimeLimit is how long a command may run (command_time_limit, transport_time_limit).
	// Required.
	TimeLimit time.Duration
	// RecipientDelimiter has the bytes that begin an address extension (recipient_delimiter).
	RecipientDelimiter string
	// Directory is where commands start unless directory= says otherwise (queue_directory).
	Directory string
	// Environment is the whole environment of commands; see Environment.
	Environment []string
	// MailOwner and SetgidGroup are the account and the group that no command may run as
	// (mail_owner, setgid_group); names that do not exist forbid nothing.
	MailOwner, SetgidGroup string
	// Log gets warnings about the service. Required.
	Log *maillog.Service
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Agent delivers to a program. Safe for concurrent use.
type Agent struct{ o Options }

var _ queue.Agent = (*Agent)(nil)

// New returns an agent. It fails when an option is missing.
func New(o Options) (*Agent, error) {
	switch {
	case len(o.Command.argv) == 0:
		return nil, errors.New("pipe: no command")
	case o.TimeLimit <= 0:
		return nil, errors.New("pipe: no time limit")
	case o.Log == nil:
		return nil, errors.New("pipe: no log")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Runner == nil {
		o.Runner = deliver.Self{}
	}
	return &Agent{o}, nil
}

// Ready says why the command could not run with the rights that user= asks for, nil if it could.
// It is for a warning when mtad starts: accounts are looked up anew for each delivery.
func (a *Agent) Ready() error {
	_, err := a.rights()
	return err
}

// Deliver starts the command for the recipients. See the package documentation for the results.
func (a *Agent) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	at := deliver.Attempt{Relay: deliver.RelayName(req, "pipe"), Begun: a.o.Clock()}
	d := &delivery{Agent: a, at: at, req: req, message: a.ofMessage(req), guarded: guarded(a.o.Command.argv)}
	r, err := a.admit(req)
	if err != nil {
		return deliver.All(req, at.Failed(err))
	}
	text, err := req.Open()
	if err != nil {
		return deliver.All(req, at.Failed(err))
	}
	defer text.Close()
	return d.deliver(ctx, text, r)
}

// misconfigured is what a stranger is told about a service that cannot be used.
func misconfigured(cause error) error {
	return status.Tempfail("4.3.5", "mail system configuration error").Because(cause)
}

// rights finds user= and refuses what a command may not have.
func (a *Agent) rights() (deliver.As, error) {
	c := &a.o.Command
	account := deliver.Account{User: c.user, Group: c.group, Chroot: c.chroot, MailOwner: a.o.MailOwner, SetgidGroup: a.o.SetgidGroup}
	_, self := a.o.Runner.(deliver.Self)
	return account.Rights(self)
}

// admit looks at what must hold before a command is started for a request at all.
func (a *Agent) admit(req *queue.Request) (deliver.As, error) {
	c := &a.o.Command
	if letter := c.flags.single(); letter != "" && len(req.Recipients) > 1 {
		err := fmt.Errorf("pipe flag `%s' requires %s_destination_recipient_limit = 1", letter, req.Transport)
		a.o.Log.Warning(err.Error())
		return deliver.As{}, misconfigured(err)
	}
	if c.sizeLimit > 0 && req.Entry.Size > c.sizeLimit {
		return deliver.As{}, status.New(552, "5.2.3", "message too large").By(fmt.Sprintf("size=%d", c.sizeLimit))
	}
	r, err := a.rights()
	if err != nil {
		return r, misconfigured(err)
	}
	return r, nil
}

// delivery is one request under way.
type delivery struct {
	*Agent
	at      deliver.Attempt
	req     *queue.Request
	message values
	guarded []argument
}

// deliver runs the command for the recipients that it may be run for.
func (d *delivery) deliver(ctx context.Context, text mail.Content, as deliver.As) []queue.Result {
	results := make([]queue.Result, len(d.req.Recipients))
	var chosen []int
	var recipients []values
	for i, rcpt := range d.req.Recipients {
		v := d.ofRecipient(rcpt, d.message)
		if err := d.refuse(rcpt, v, text); err != nil {
			results[i] = d.at.Failed(err)
			continue
		}
		chosen, recipients = append(chosen, i), append(recipients, v)
	}
	if len(chosen) == 0 {
		return results
	}
	if d.req.Entry.Probe() {
		for _, i := range chosen {
			results[i] = d.at.Sent("2.0.0", "delivers to command: "+d.o.Command.path())
		}
		return results
	}
	first := d.req.Recipients[chosen[0]]
	result := d.once(ctx, job{
		args: expandAll(d.o.Command.argv, d.message, recipients),
		head: d.o.Command.head(d.req.Entry.Sender, original(first), first.Address, d.at.Begun),
		text: text, as: as,
	})
	for _, i := range chosen {
		results[i] = result
	}
	return results
}

// refuse says why a recipient cannot be delivered to, nil if it can.
func (d *delivery) refuse(r mail.Recipient, v values, text mail.Content) error {
	for _, arg := range d.guarded {
		if strings.HasPrefix(arg.expand(v), "-") {
			return status.New(553, "5.1.3", "an address that begins with a minus sign cannot be handed to this command").
				By(fmt.Sprintf("argv: %q would be an option", arg.expand(v)))
		}
	}
	if !d.o.Command.flags.has(deliveredTo) {
		return nil
	}
	seen, err := deliver.DeliveredTo(text)
	if err != nil {
		return err
	}
	if seen.Has(r.Address) {
		return deliver.Loop(r.Address)
	}
	return nil
}

// once runs the command and makes the result of its recipients.
func (d *delivery) once(ctx context.Context, j job) queue.Result {
	said, err := d.run(ctx, j)
	if err != nil {
		return d.at.Failed(err)
	}
	text := "delivered via " + d.at.Relay + " service"
	if said != "" {
		text += " (" + said + ")"
	}
	r := d.at.Sent("2.0.0", text)
	r.Onward = !d.o.Command.flags.has(final)
	return r
}

// broken is the agent of a service that cannot be used.
type broken struct {
	cause error
	clock func() time.Time
}

// Misconfigured returns the agent of a service whose attributes cannot be obeyed: it defers all
// mail (4.3.5) with cause for the log, as Postfix does, so that the rest of the system runs.
func Misconfigured(cause error, clock func() time.Time) queue.Agent { return broken{cause, clock} }

func (b broken) Deliver(_ context.Context, req *queue.Request) []queue.Result {
	at := deliver.Attempt{Relay: deliver.RelayName(req, "pipe"), Begun: b.clock()}
	return deliver.All(req, at.Failed(misconfigured(b.cause)))
}

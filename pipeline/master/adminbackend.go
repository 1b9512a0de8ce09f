package master

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/smtpd"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// requeueing is the reason of what is on hold while it is being requeued. An entry that is found so
// at start was left by a daemon that died on the way, or marked while none ran.
const requeueing = ctl.RequeueReason

// Find returns an entry and its record.
func (b backend) Find(_ context.Context, id string) (*queue.Entry, *queue.Record, error) {
	e, r, err := b.m.store.Load(id)
	if err == nil && r.State == queue.Incoming && slices.Contains(b.gen().queue.Active(), id) {
		r.State = queue.Active
	}
	return e, r, err
}

// Open returns the text of an entry.
func (b backend) Open(_ context.Context, id string) (mail.Content, error) { return b.m.store.Open(id) }

// Expire has an entry returned to its sender.
func (b backend) Expire(ctx context.Context, id string) error { return b.gen().queue.Expire(ctx, id) }

// Resolve tells where mail for an address would go.
func (b backend) Resolve(ctx context.Context, address string) (queue.Route, error) {
	env := &mail.Envelope{Origin: mail.Origin{Kind: mail.KindSendmail, Local: true}}
	return b.gen().rewriter.Resolve(ctx, env, mail.Recipient{Address: address, Original: address})
}

// Note writes a line to the mail log.
func (b backend) Note(tag, level, text string) {
	log := b.m.logOf(b.gen().cfg, "postlog")
	if tag != "" {
		log = b.m.maillog.Named(b.gen().cfg.String("syslog_name"), tag)
	}
	switch level {
	case "info":
		log.Info(text)
	case "warn", "warning":
		log.Warning(text)
	case "error":
		log.Error(text)
	case "panic":
		log.Panic(text)
	default:
		log.Fatal(text)
	}
}

// Why tells why an entry waits.
func (b backend) Why(ctx context.Context, id string) (ctl.Why, error) {
	e, r, err := b.Find(ctx, id)
	if err != nil {
		return ctl.Why{}, err
	}
	g := b.gen()
	w := ctl.Why{Item: ctl.Describe(e, r), Reason: r.Reason, Attempts: r.Attempts, Expires: e.Arrived.Add(g.lifetime(e))}
	if r.State == queue.Hold {
		w.Decided = ctl.Decided(r.Reason)
	}
	if r.State == queue.Deferred {
		w.Next = r.Due
	}
	sites := g.queue.Stats(maxSitesAsked).Sites
	d := &decider{cfg: g.cfg, plugins: b.Plugins()}
	for _, i := range r.Pending() {
		to := b.whyRecipient(ctx, e, r, i, sites)
		to.Decided = d.decided(&to)
		w.Recipients = append(w.Recipients, to)
	}
	return w, nil
}

// maxSitesAsked bounds the destinations that Why looks through.
const maxSitesAsked = 100000

func (g *generation) lifetime(e *queue.Entry) time.Duration {
	if e.Sender == "" {
		return g.cfg.Duration("bounce_queue_lifetime")
	}
	return g.cfg.Duration("maximal_queue_lifetime")
}

func (b backend) whyRecipient(ctx context.Context, e *queue.Entry, r *queue.Record, i int, sites []qmgr.SiteStats) ctl.WhyRecipient {
	to, p := e.Recipients[i], &r.Recipients[i]
	w := ctl.WhyRecipient{Address: to.Address, Outcome: p.Outcome.String(), Relay: p.Relay, At: p.At}
	if to.Original != to.Address {
		w.Original = to.Original
	}
	if p.Reply.Code != 0 {
		w.Reply = p.Reply.String()
	}
	route, err := b.gen().rewriter.Resolve(ctx, &e.Envelope, to)
	if err != nil {
		w.Unroutable = status.From(err).Error()
		return w
	}
	w.Transport, w.Nexthop = route.Transport, route.Nexthop
	if s, ok := b.m.suspended.Find(route.Nexthop); ok {
		w.Suspended = &s
	}
	for k := range sites {
		s := &sites[k]
		if s.Transport == route.Transport && s.Nexthop == route.Nexthop && (s.Recipient == "" || s.Recipient == route.Recipient) {
			w.Site = &ctl.SiteState{Window: s.Window, Busy: s.Busy, Waiting: s.Waiting, DeadUntil: s.DeadUntil, Reason: s.Reason}
		}
	}
	return w
}

// stdinName is the service of sessions that do not come from a socket; spaces keep it apart from the rows
// of master.cf.
const stdinName = "standard input"

// thisHost names the client of a session on standard input as Postfix does.
type thisHost struct{}

// Name is localhost.
func (thisHost) Name(context.Context, netip.Addr) (name, reverse string) {
	return "localhost", "localhost"
}

// stdinPolicy is what smtpd does differently for a user on standard input (sendmail -bs): who may
// submit was asked before, and nobody else can be there.
func stdinPolicy() map[string]string {
	return map[string]string{
		"smtpd_client_restrictions": "", "smtpd_helo_restrictions": "", "smtpd_sender_restrictions": "",
		"smtpd_relay_restrictions": "permit, reject", "smtpd_recipient_restrictions": "", "smtpd_data_restrictions": "",
		"smtpd_end_of_data_restrictions": "", "smtpd_tls_security_level": "none", "smtpd_sasl_auth_enable": "no",
		"smtpd_forbid_unauth_pipelining": "no", "smtpd_client_connection_count_limit": "0", "smtpd_client_connection_rate_limit": "0",
	}
}

// stdinServer builds the engine for sessions that do not come from a socket.
func (g *generation) stdinServer(change func(*smtpd.Options)) (*smtp.Server, error) {
	c := g.cfg
	for name, value := range stdinPolicy() {
		c = c.With(name, value)
	}
	return g.newServer(c, mastercf.Service{Name: stdinName, Type: "unix", Program: "smtpd", Limit: mastercf.DefaultLimit}, change)
}

// Session is an SMTP session of a local user.
func (b backend) Session(ctx context.Context, conn net.Conn, uid int) error {
	s, err := b.gen().stdinFor(uid)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	b.m.logOf(b.gen().cfg, "smtpd").Info(fmt.Sprintf("session on standard input: uid=%d", uid))
	return s.ServeConn(ctx, onStdin{conn})
}

// onStdin is a connection that counts as one from this host.
type onStdin struct{ net.Conn }

// RemoteAddr is the loopback address.
func (onStdin) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// LocalAddr is the loopback address.
func (onStdin) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// finishRequeues requeues what is marked for it: by a daemon that died, or by postsuper while none
// ran.
func (m *Master) finishRequeues(ctx context.Context) error {
	b := backend{m}
	var ids []string
	err := m.store.Each(ctx, queue.Hold, "", func(e *queue.Entry, r *queue.Record) bool {
		if r.Reason == requeueing {
			ids = append(ids, strings.Clone(e.ID))
		}
		return true
	})
	for _, id := range ids {
		if ctx.Err() != nil {
			return nil
		}
		if err := b.Requeue(ctx, id); err != nil && !errors.Is(err, queue.ErrNotFound) {
			m.log.Warning(id + ": cannot be requeued: " + err.Error() + "; it stays on hold")
		}
	}
	if err != nil && ctx.Err() == nil {
		m.log.Warning("requeues that were not finished: " + err.Error())
	}
	return nil
}

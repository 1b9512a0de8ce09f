package master

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/hook/kv"
	"github.com/mtad/mtad/pipeline/rewrite"
	"github.com/mtad/mtad/pipeline/verify"
	"github.com/mtad/mtad/queue"
)

// memories are the stores behind address_verify_map, by path: they outlive a generation. Safe for
// concurrent use.
type memories struct {
	mu     sync.Mutex
	stores map[string]*kv.Store
}

// verifyQuota bounds a memory of verified addresses: some hundred thousand of them.
const verifyQuota = 64 << 20

// space returns the memory that a map names: by its path for the types that Postfix writes to a
// file, in the directory given for any other type. "" and "internal:" are one that the process has
// for itself.
func (ms *memories) space(spec, dir string, o kv.Options) (*kv.Space, error) {
	kind, path, ok := strings.Cut(strings.TrimPrefix(spec, "proxy:"), ":")
	switch {
	case !ok && spec != "":
		path = spec
	case kind == "internal", spec == "":
		path, o.FS = "internal", vfs.NewMem()
	case !slices.Contains([]string{"btree", "hash", "lmdb", "cdb", "dbm", "sdbm"}, kind) || !filepath.IsAbs(path):
		path = filepath.Join(dir, "verify_cache")
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	s := ms.stores[path]
	if s == nil {
		o.Dir, o.Quota = filepath.Dir(path), verifyQuota
		var err error
		if s, err = kv.Open(o); err != nil {
			return nil, err
		}
		if ms.stores == nil {
			ms.stores = map[string]*kv.Store{}
		}
		ms.stores[path] = s
	}
	return s.Space(filepath.Base(path))
}

func (ms *memories) close() (err error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for _, s := range ms.stores {
		err = errors.Join(err, s.Close())
	}
	return err
}

// newVerifier makes what answers reject_unverified_sender and reject_unverified_recipient. It is made
// when the first of them asks, or the first probe comes back.
func (g *generation) newVerifier() *verify.Verifier {
	c, log := g.cfg, g.m.logOf(g.cfg, "verify")
	spec, o := c.String("address_verify_map"), kv.Options{Log: log.Slog()}
	memory, err := g.m.memories.space(spec, g.m.places.data, o)
	if err != nil {
		log.Warning("address_verify_map: " + spec + ": " + err.Error() + "; nothing is remembered across a restart")
		if memory, err = g.m.memories.space("", "", o); err != nil {
			log.Error("address_verify_map: " + err.Error())
			return nil
		}
	}
	sender := g.verifySender()
	return verify.New(verify.Options{
		Memory: memory, Standard: g.rewriter.Standard, Warn: log.Warning,
		Probe: func(ctx context.Context, address string) (bool, error) {
			return g.notices.Probe(ctx, sender.At(time.Now()), address)
		},
		PositiveExpire:  c.Duration("address_verify_positive_expire_time"),
		PositiveRefresh: c.Duration("address_verify_positive_refresh_time"),
		NegativeExpire:  c.Duration("address_verify_negative_expire_time"),
		NegativeRefresh: c.Duration("address_verify_negative_refresh_time"),
		ForgetNegative:  !c.Bool("address_verify_negative_cache"),
		PendingLimit:    c.Int("address_verify_pending_request_limit"),
	})
}

func (g *generation) verifySender() verify.Sender {
	return verify.Sender{Address: g.cfg.String("address_verify_sender"), Origin: g.cfg.String("myorigin"),
		TTL: g.cfg.Duration("address_verify_sender_ttl")}
}

// verifierFor is how the access rules of a service ask about an address. It waits as long as
// Postfix's smtpd polls: address_verify_poll_delay between address_verify_poll_count questions.
func (g *generation) verifierFor(c *conf.Config) func(context.Context, string) (access.Verified, string, bool) {
	wait := time.Duration(max(0, c.Int("address_verify_poll_count")-1)) * c.Duration("address_verify_poll_delay")
	sender := g.verifySender()
	return func(ctx context.Context, address string) (access.Verified, string, bool) {
		if sender.Own(g.rewriter.Standard(address), time.Now()) {
			return access.Unverified, "", true
		}
		v := g.verify()
		if v == nil {
			return access.Unverified, "address verification problem", false
		}
		switch a := v.Ask(ctx, address, wait); a.State {
		case verify.Deliverable:
			return access.Deliverable, a.Text, false
		case verify.Undeliverable:
			return access.Undeliverable, a.Text, false
		default:
			return access.Unverified, a.Text, false
		}
	}
}

// probed takes what became of a probe, for the address that was asked about and for the one that it
// was rewritten to.
func (g *generation) probed(r queue.Report) {
	v := g.verify()
	if v == nil {
		return
	}
	a := verify.Answer{State: verify.Undeliverable, Text: r.Result.Reply.Text}
	switch r.Result.Outcome {
	case queue.Sent, queue.Expanded:
		a.State = verify.Deliverable
	case queue.Deferred4:
		a.State = verify.Deferred
	}
	v.Update(r.Recipient.Original, a)
	if r.Recipient.Address != r.Recipient.Original {
		v.Update(r.Recipient.Address, a)
	}
}

// probeRoutes are the parameters that send probes another way than mail.
var probeRoutes = []string{
	"address_verify_local_transport", "address_verify_virtual_transport", "address_verify_relay_transport",
	"address_verify_default_transport", "address_verify_relayhost", "address_verify_transport_maps",
	"address_verify_sender_dependent_relayhost_maps", "address_verify_sender_dependent_default_transport_maps",
}

// resolver finds the way of queued mail; probes may have one of their own.
func (g *generation) resolver() (queue.Resolver, error) {
	own := false
	for _, name := range probeRoutes {
		own = own || g.cfg.IsSet(name)
	}
	if !own {
		return g.rewriter, nil
	}
	addrs, err := ownAddresses(g.cfg)
	if err != nil {
		return nil, err
	}
	probes, err := g.newRewriter(g.cfg, addrs, g.routeProbes)
	return probing{g.rewriter, probes}, err
}

// routeProbes replaces what routes mail by what routes probes.
func (g *generation) routeProbes(o *rewrite.Options) error {
	c := g.cfg
	o.LocalTransport, o.VirtualTransport = c.String("address_verify_local_transport"), c.String("address_verify_virtual_transport")
	o.RelayTransport, o.DefaultTransport = c.String("address_verify_relay_transport"), c.String("address_verify_default_transport")
	o.RelayHost = c.String("address_verify_relayhost")
	return g.openAll(c, map[string]*table.Maps{
		"address_verify_transport_maps":                          &o.Routes.Transport,
		"address_verify_sender_dependent_relayhost_maps":         &o.Routes.SenderRelayHost,
		"address_verify_sender_dependent_default_transport_maps": &o.Routes.SenderTransport,
	})
}

// probing resolves probes apart from mail.
type probing struct{ mail, probes queue.Resolver }

// Resolve asks the resolver for the kind of message.
func (p probing) Resolve(ctx context.Context, env *mail.Envelope, r mail.Recipient) (queue.Route, error) {
	if env.Origin.Kind == mail.KindVerify { // what a user asks for by sendmail -bv is about mail
		return p.probes.Resolve(ctx, env, r)
	}
	return p.mail.Resolve(ctx, env, r)
}

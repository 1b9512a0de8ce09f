package master

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/netlist"
	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/pipeline/cleanup"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/pickup/login"
	"github.com/mtad/mtad/pipeline/rewrite"
	"github.com/mtad/mtad/pipeline/verify"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// g0 is the context of lookups that cannot wait: lists without tables, asked outside a session.
var g0 = context.Background()

// generation is everything that one reading of the configuration built.
type generation struct {
	m        *Master
	cfg      *conf.Config
	dns      resolver
	rewriter *rewrite.Rewriter
	// rewriters are those of cleanup services with settings of their own, by service.
	rewriters map[string]*rewrite.Rewriter
	hooks     *hook.Set
	roster    *hook.Roster // of all plugins, built-ins of parameters included
	missing   sync.Map     // what was said of absent tables, once each
	// events tells plugins what happens to queued mail; nil without plugins.
	events     *hook.Events
	observer   sync.WaitGroup
	stopEvents func()
	// local is cleanup for mail that does not come by SMTP, but from pickup; notices is cleanup for
	// what bounce and verify send.
	local, notices *cleanup.Door
	// senders, maySubmit and localFilter (content_filter) are about what local users submit.
	senders     *login.Senders
	maySubmit   func(uid int) bool
	localFilter string
	// again is cleanup for mail that is requeued.
	again *cleanup.Door
	// notifier tells people what became of their mail.
	notifier *bounce.Notifier
	servers  []server
	spawners []spawner
	// stdin makes the engine for sendmail -bs, once.
	stdin   func() (*smtp.Server, error)
	queue   *qmgr.Manager
	logins  map[string]sasl.Server // by smtpd_sasl_type and smtpd_sasl_path; used while building
	agents  map[string]queue.Agent // those of master.cf, by service; complete before any is used
	closing sync.Mutex             // guards closers
	closers []func()
	verify  func() *verify.Verifier // made when it is first asked
	tables  table.Shared            // one table for each that is named, whoever names it
	// consoleNets are the clients of the web console; nil without one.
	consoleNets *netlist.List

	sessions sync.WaitGroup // the servers' Serve
	manager  sync.WaitGroup
	cancel   context.CancelFunc // ends the manager
}

// server is the engine of one port.
type server struct {
	port *port
	smtp *smtp.Server
	// screen puts postscreen before it, if the service is that.
	screen func(net.Listener) net.Listener
}

// build makes a generation of a configuration. Nothing runs yet.
func (m *Master) build(ctx context.Context, c *conf.Config) (g *generation, err error) {
	g = &generation{m: m, cfg: c, roster: &hook.Roster{}}
	g.stdin, g.verify = sync.OnceValues(func() (*smtp.Server, error) { return g.stdinServer(nil) }), sync.OnceValue(g.newVerifier)
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	if g.dns, err = newResolver(c, nil); err != nil {
		return g, err
	}
	own, err := ownAddresses(c)
	if err != nil {
		return g, err
	}
	if g.hooks, err = m.loadPlugins(ctx, c, g.hookOptions(c)); err != nil {
		return g, err
	}
	if g.hooks != nil {
		g.events = hook.NewEvents(g.hooks, m.counters.eventsLost.Inc)
	}
	if g.rewriter, err = g.newRewriter(c, own, nil); err != nil {
		return g, err
	}
	if g.local, err = g.localDoor("pickup"); err != nil {
		return g, err
	}
	if g.notices, err = g.localDoor("bounce"); err != nil {
		return g, err
	}
	if g.senders, err = g.newSenders(); err != nil {
		return g, err
	}
	g.localFilter, g.maySubmit = g.confOf("pickup").String("content_filter"), allowedUsers(c, "authorized_submit_users")
	if g.again, err = g.doorForRequeued(); err != nil {
		return g, err
	}
	if g.notifier, err = g.newNotifier(); err != nil {
		return g, err
	}
	if err = g.buildServers(); err != nil {
		return g, err
	}
	if err = g.buildSpawners(); err != nil {
		return g, err
	}
	if err = g.openConsole(); err != nil {
		return g, err
	}
	return g, g.buildManager()
}

// buildServers makes the engine and policy of each bound port.
func (g *generation) buildServers() error {
	byService := map[string]*smtp.Server{}
	for _, p := range g.m.ports {
		service := p.in(g.cfg)
		name := service.String()
		if byService[name] == nil {
			engine := engineOf(g.cfg, service)
			s, err := g.newServer(g.cfg.For(engine), engine, nil)
			if err != nil {
				return err
			}
			byService[name] = s
		}
		screen, err := g.screen(service)
		if err != nil {
			return err
		}
		g.servers = append(g.servers, server{p, byService[name], screen})
	}
	return nil
}

// buildManager makes the queue manager with its transports and the notifier.
func (g *generation) buildManager() (err error) {
	c, o := g.cfg, qmgr.Defaults()
	o.Store, o.Log, o.OnProbe = g.m.store, g.logOf, g.probed
	if o.Resolver, err = g.resolver(); err != nil {
		return err
	}
	if g.hooks != nil {
		o.Resolver, o.OnEvent = g.hooks.Resolver(o.Resolver), g.events.Tell
	}
	o.ActiveLimit, o.RecipientLimit = c.Int("qmgr_message_active_limit"), c.Int("qmgr_message_recipient_limit")
	o.RecipientMinimum = c.Int("qmgr_message_recipient_minimum")
	o.QueueRunDelay = c.Duration("queue_run_delay")
	o.MinimalBackoff, o.MaximalBackoff = c.Duration("minimal_backoff_time"), c.Duration("maximal_backoff_time")
	o.MaximalLifetime, o.BounceLifetime = c.Duration("maximal_queue_lifetime"), c.Duration("bounce_queue_lifetime")
	o.DelayWarning, o.SoftBounce = c.Duration("delay_warning_time"), c.Bool("soft_bounce")
	o.ConfirmCleared, o.OnDelivery = c.Bool("confirm_delay_cleared"), g.m.delivered
	if o.FlushSites, err = g.flushSites(); err != nil {
		return err
	}
	if o.Transports, err = g.transports(); err != nil {
		return err
	}
	for name, t := range o.Transports {
		service := name + "/" + string(mastercf.Unix)
		t.Agent = g.m.suspended.Agent(service, &counted{g.m.loads.of(service), t.Agent, g.verboseLog(name)})
		o.Transports[name] = t
	}
	o.Notifier = g.notifier
	g.queue, err = qmgr.New(o)
	return err
}

// logOf returns the log of a delivery service.
//
// Like Postfix it logs under the name of the program, with the syslog_name of the service.
func (g *generation) logOf(service string) *maillogService {
	for _, s := range g.cfg.Services() {
		if s.Name == service && s.Type == mastercf.Unix {
			return g.m.logOf(g.cfg.For(s), s.Program)
		}
	}
	return g.m.logOf(g.cfg, service)
}

// verboseLog is the log of a delivery service with -v, nil for others.
func (g *generation) verboseLog(service string) *maillogService {
	for _, s := range g.cfg.Services() {
		if s.Name == service && s.Type == mastercf.Unix && s.Verbose > 0 {
			return g.logOf(service)
		}
	}
	return nil
}

// start runs the generation: the manager, then the ports. ctx ends the sessions.
func (g *generation) start(ctx context.Context) {
	g.startEvents()
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g.cancel = cancel
	g.manager.Go(func() {
		if err := g.queue.Run(life); err != nil {
			g.m.log.Error("queue manager: " + err.Error())
		}
	})
	g.startSpawners(ctx)
	for _, s := range g.servers {
		l := s.screen(s.port.next())
		g.sessions.Go(func() {
			if err := s.smtp.Serve(ctx, l); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
				g.m.log.Error("service " + s.port.service.String() + ": " + err.Error())
			}
		})
	}
}

// stopManager ends the queue manager and waits for it.
func (g *generation) stopManager() {
	if g.cancel != nil {
		g.cancel()
	}
	g.manager.Wait()
}

// closeTime is how long the plugins of an old generation may take to end.
const closeTime = 10 * time.Second

// onClose has f called when the generation ends.
func (g *generation) onClose(f func()) {
	g.closing.Lock()
	defer g.closing.Unlock()
	g.closers = append(g.closers, f)
}

// close frees what the generation holds; its sessions and manager have ended.
func (g *generation) close() {
	for _, f := range g.closers {
		f()
	}
	defer g.tables.Close()
	if g.stopEvents != nil {
		g.stopEvents()
	}
	if g.hooks == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := g.hooks.Close(ctx); err != nil {
		g.m.log.Warning(err.Error())
	}
}

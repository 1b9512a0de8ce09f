package master

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/metric"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/ctl/suspend"
	"github.com/mtad/mtad/queue"
)

// load is what one service of master.cf does: its sessions or its deliveries. It outlives
// generations. It is the smtp.Meter of an SMTP server.
type load struct {
	now     atomic.Int64
	total   atomic.Uint64
	refused atomic.Uint64
	metrics loadMetrics
}

type loadMetrics struct {
	busy           *metric.Gauge
	total, refused *metric.Counter
}

// Began counts a session or delivery.
func (l *load) Began() {
	l.now.Add(1)
	l.total.Add(1)
	l.metrics.busy.Inc()
	l.metrics.total.Inc()
}

// Ended counts its end.
func (l *load) Ended() {
	l.now.Add(-1)
	l.metrics.busy.Dec()
}

// Refused counts a client that was turned away.
func (l *load) Refused() {
	l.refused.Add(1)
	l.metrics.refused.Inc()
}

// loads are the loads by service, "smtp/inet".
type loads struct {
	busy           *metric.GaugeVec
	total, refused *metric.CounterVec

	mu  sync.Mutex // guards all
	all map[string]*load
}

func newLoads(r *metric.Registry) *loads {
	return &loads{
		all:     map[string]*load{},
		busy:    r.GaugeVec("mtad_service_busy", "Sessions or deliveries under way, by service of master.cf.", labelLimit, "service"),
		total:   r.CounterVec("mtad_service_total", "Sessions or deliveries that began, by service of master.cf.", labelLimit, "service"),
		refused: r.CounterVec("mtad_service_refused_total", "Clients that were turned away before a session began, by service of master.cf.", labelLimit, "service"),
	}
}

// of returns the load of a service.
func (s *loads) of(service string) *load {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.all[service]
	if l == nil {
		l = &load{metrics: loadMetrics{s.busy.With(service), s.total.With(service), s.refused.With(service)}}
		s.all[service] = l
	}
	return l
}

// counted is an agent whose deliveries count for a service, and are shown when it is verbose.
type counted struct {
	load *load
	next queue.Agent
	log  *maillog.Service // nil unless the service is verbose
}

// Deliver counts, and leaves the rest to the agent.
func (a *counted) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	a.load.Began()
	defer a.load.Ended()
	if a.log == nil {
		return a.next.Deliver(ctx, req)
	}
	a.log.Info(fmt.Sprintf("%s: request: transport=%s, nexthop=%s, from=<%s>, %d recipients", req.Entry.ID, req.Transport,
		status.Clean(req.Nexthop), status.Clean(req.Entry.Sender), len(req.Recipients)))
	results := a.next.Deliver(ctx, req)
	for i := range results {
		r := &results[i]
		a.log.Info(fmt.Sprintf("%s: result %d: %s by %s, connection used %d times: %s", req.Entry.ID, i, r.Outcome,
			status.Clean(r.Relay), r.ConnUse, status.Clean(r.Reply.String())))
	}
	return results
}

// services describes the services in the order of master.cf, one line per port.
func (b backend) services() []ctl.Service {
	var all []ctl.Service
	for _, s := range b.gen().servers {
		all = append(all, b.service(s.port.in(b.gen().cfg), s.port.l.Addr().String()))
	}
	for _, s := range b.gen().spawners {
		if s.service.Type == mastercf.Inet {
			all = append(all, b.service(s.service, s.port.l.Addr().String()))
		}
	}
	for _, s := range b.gen().cfg.Services() {
		if s.Type != mastercf.Inet {
			all = append(all, b.service(s, ""))
		}
	}
	return all
}

func (b backend) service(s mastercf.Service, address string) ctl.Service {
	d := ctl.Service{Name: s.Name, Type: string(s.Type), Program: s.Program, Address: address}
	if suspendable(&s) || s.Program == "spawn" {
		l := b.m.loads.of(s.String())
		d.Load = &ctl.Load{Busy: int(l.now.Load()), Limit: processLimit(b.gen().cfg, s), Total: l.total.Load(), Refused: l.refused.Load()}
	}
	if order, ok := b.m.suspended.FindService(s.String()); ok {
		d.Suspended = &order
	}
	return d
}

// suspendable reports whether a service has sessions or deliveries of its own.
func suspendable(s *mastercf.Service) bool {
	if s.Type == mastercf.Inet {
		return s.Program == "smtpd"
	}
	return s.Type == mastercf.Unix && slices.Contains([]string{"smtp", "lmtp", "local", "virtual", "pipe", "error", "discard"}, s.Program)
}

// serviceNamed returns the name with type of a service that can be suspended; name may lack the type.
func (b backend) serviceNamed(name string) (string, error) {
	var found []string
	for _, s := range b.gen().cfg.Services() {
		if full := s.String(); suspendable(&s) && (full == name || s.Name == name) {
			found = append(found, full)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", status.New(501, "5.5.4", "%s: no SMTP server and no transport of master.cf has this name", status.Clean(name))
	}
	return "", status.New(501, "5.5.4", "%s is %s: say which", status.Clean(name), strings.Join(found, " and "))
}

// Suspend has no mail delivered to a destination, or a service do nothing, for a while.
func (b backend) Suspend(s ctl.Suspension) (err error) {
	if s.Service != "" {
		if s.Service, err = b.serviceNamed(s.Service); err != nil {
			return err
		}
	}
	if err := b.m.suspended.Suspend(s); err != nil {
		return err
	}
	b.m.log.Info(fmt.Sprintf("%s is suspended: %s", suspendedThing(&s), s.Reason))
	return nil
}

func suspendedThing(s *ctl.Suspension) string {
	if s.Service != "" {
		return "service " + s.Service
	}
	return "delivery to " + status.Clean(s.Nexthop)
}

// Resume ends that, and has what waits tried at once.
func (b backend) Resume(ctx context.Context, s ctl.Suspension) error {
	if s.Service != "" {
		if full, err := b.serviceNamed(s.Service); err == nil {
			s.Service = full // else it has gone from master.cf, and its whole name is given
		}
	}
	if err := b.m.suspended.Resume(s); err != nil {
		return err
	}
	b.m.log.Info(suspendedThing(&s) + " is resumed")
	if strings.HasSuffix(s.Service, "/"+string(mastercf.Inet)) {
		return nil
	}
	_, err := b.gen().queue.Flush(ctx, func(_ *queue.Entry, r *queue.Record) bool { return suspend.Waits(s, r) })
	return err
}

// Suspensions lists what is suspended.
func (b backend) Suspensions() []ctl.Suspension { return b.m.suspended.All() }

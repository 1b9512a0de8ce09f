package console

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// Root is the path below which all pages are.
const Root = "/console/"

// Backend is what the console asks of the daemon; a ctl.Backend has it all.
type Backend interface {
	ctl.Lister
	ctl.Actor
	ctl.Watched
	Flush(ctx context.Context, match func(*queue.Entry, *queue.Record) bool) (int, error)
	FlushID(ctx context.Context, id string) error
	Open(ctx context.Context, id string) (mail.Content, error)
	Why(ctx context.Context, id string) (ctl.Why, error)
	Suspend(s ctl.Suspension) error
	Resume(ctx context.Context, s ctl.Suspension) error
	Suspensions() []ctl.Suspension
	Status(ctx context.Context) (ctl.Status, error)
}

var _ Backend = ctl.Backend(nil)

// Settings say who gets in. They are asked for at every request.
type Settings struct {
	// PasswordFile is the file with the accounts; "": the console is closed.
	PasswordFile string
	// Hosts are the names by which browsers may call it, without port, in lower case; IPv6
	// addresses in brackets.
	Hosts []string
	// Client reports whether a client at this address may come; an error is a no.
	Client func(ctx context.Context, client netip.Addr) (bool, error)
}

// Options of a Console.
type Options struct {
	Settings func() Settings
	// Rates and Journal are what the daemon fills; nil ones show nothing.
	Rates   *Rates
	Journal *Journal
	// Log gets who logs in, who fails to, and every action with who did it.
	Log *maillog.Service
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Console answers with the pages. Safe for concurrent use.
type Console struct {
	o        Options
	b        Backend
	pages    pages
	sessions sessions
	throttle *throttle
	shapes   shapes
	routes   http.Handler
}

// New returns a console for b.
func New(o Options, b Backend) *Console {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	c := &Console{o: o, b: b, pages: parsePages(o.Clock), throttle: newThrottle(o.Clock)}
	c.sessions = sessions{clock: o.Clock, m: map[[32]byte]*session{}}
	c.shapes.clock = o.Clock
	c.routes = c.mux()
	return c
}

// mux is the table of pages: who may see each, and what changes something is a POST.
func (c *Console) mux() *http.ServeMux {
	m := http.NewServeMux()
	m.Handle("GET "+Root+"login", c.anybody(c.loginPage))
	m.Handle("POST "+Root+"login", c.anybody(c.login))
	m.Handle("GET "+Root+"style.css", c.anybody(c.asset("style.css", "text/css; charset=utf-8")))
	m.Handle("GET "+Root+"icon.svg", c.anybody(c.asset("icon.svg", "image/svg+xml")))
	m.Handle("POST "+Root+"logout", c.only(View, c.logout))
	m.Handle("GET "+Root+"{$}", c.only(View, c.overview))
	m.Handle("GET "+Root+"queue", c.only(View, c.queue))
	m.Handle("GET "+Root+"plugins", c.only(View, c.plugins))
	m.Handle("GET "+Root+"message/{id}", c.only(View, c.message))
	m.Handle("GET "+Root+"message/{id}/text", c.only(View|Read, c.text))
	m.Handle("GET "+Root+"confirm", c.only(Act, c.confirm))
	m.Handle("POST "+Root+"act", c.only(Act, c.act))
	m.Handle("POST "+Root+"suspend", c.only(Act, c.suspend))
	m.Handle("POST "+Root+"resume", c.only(Act, c.resume))
	m.Handle(Root, c.anybody(func(http.ResponseWriter, *visit) error { return errNoPage }))
	return m
}

// ServeHTTP answers a request for a page below Root.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	s := c.o.Settings()
	if s.PasswordFile == "" {
		http.NotFound(w, r)
		return
	}
	if err := admit(&s, r); err != nil {
		c.fail(w, &visit{Request: r}, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c.routes.ServeHTTP(w, r)
}

package ctl

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/mtad/mtad/core/maillog"
)

// Bounds of the control socket.
const (
	maxConns      = 1000     // connections at a time of all who are not admins; more are closed
	maxUserConns  = 200      // of them for one user
	maxHeadBytes  = 16 << 10 // request line and header of a request
	headTimeout   = 10 * time.Second
	idleTimeout   = 30 * time.Second
	actTimeout    = 5 * time.Minute  // what changes the queue or the daemon
	writeTimeout  = 30 * time.Second // one block of a listing
	submitTimeout = 10 * time.Minute // one message
	drainBytes    = 64 << 20         // of a refused message are read, so that its sender hears why
)

// Options of a Server.
type Options struct {
	// MailqUsers, FlushUsers and SubmitUsers say which users may list, flush and submit
	// (authorized_mailq_users, authorized_flush_users, authorized_submit_users). Nil: all.
	MailqUsers, FlushUsers, SubmitUsers func(uid int) bool
	// Log is pickup's: it gets "ID: uid=… from=<…>" for each message, and failures.
	Log *maillog.Service
	// Grace is how long Serve waits at its end for requests under way; 10 seconds unless set.
	Grace time.Duration
}

// Server answers on the control socket.
type Server struct {
	o Options
	b Backend
	// sessions are SMTP sessions, which are no requests any more.
	sessions sync.WaitGroup
}

// New returns a server for b.
func New(o Options, b Backend) *Server {
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	return &Server{o: o, b: b}
}

// Serve answers on ln, a Unix socket, until ctx ends; then it waits Grace for requests under way
// and closes ln. It returns nil when ctx ended it. It may be called for several listeners.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	h := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeadBytes,
		ConnContext:       func(c context.Context, nc net.Conn) context.Context { return withEnd(withPeer(c, nc), ctx) },
		ErrorLog:          quiet(s.o.Log),
	}
	defer s.sessions.Wait()
	return serve(ctx, h, &fairListener{Listener: ln, s: s, open: map[int]int{}}, s.o.Grace)
}

// serve runs h on ln until ctx ends, then stops it in an orderly way within grace.
func serve(ctx context.Context, h *http.Server, ln net.Listener, grace time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ln) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// The context that ended cannot bound what comes behind its end.
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := h.Shutdown(rest)
	if err != nil {
		err = errors.Join(err, h.Close())
	}
	<-ended
	return err
}

// routes returns the handler of the control socket.
func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /v1/status", s.act(look, s.status))
	m.Handle("GET /v1/queue", s.guard(list, s.list))
	m.Handle("POST /v1/flush", s.act(flush, s.flush))
	m.Handle("POST /v1/queue/{id}/hold", s.one(s.b.Hold))
	m.Handle("POST /v1/queue/{id}/release", s.one(s.b.Release))
	m.Handle("POST /v1/queue/{id}/requeue", s.one(s.b.Requeue))
	m.Handle("DELETE /v1/queue/{id}", s.one(s.b.Delete))
	m.Handle("POST /v1/act/{action}", s.guard(admin, s.actMany))
	m.Handle("GET /v1/queue/{id}/message", s.guard(admin, s.message))
	m.Handle("GET /v1/queue/{id}/why", s.act(list, s.why))
	m.Handle("GET /v1/route", s.act(submit, s.route))
	m.Handle("POST /v1/log", s.guard(look, s.note))
	m.Handle("POST /v1/smtp", s.guard(submit, s.smtp))
	m.Handle("GET /v1/suspended", s.act(list, func(*http.Request) (any, error) { return s.b.Suspensions(), nil }))
	m.Handle("POST /v1/suspended", s.act(admin, s.suspend))
	m.Handle("DELETE /v1/suspended", s.act(admin, s.resume))
	m.Handle("POST /v1/reload", s.act(admin, func(r *http.Request) (any, error) { return nil, s.b.Reload(r.Context()) }))
	m.Handle("POST /v1/upgrade", s.act(admin, func(r *http.Request) (any, error) { return nil, s.b.Upgrade(r.Context()) }))
	m.Handle("POST /v1/stop", s.act(admin, func(r *http.Request) (any, error) { return nil, s.b.Stop(r.Context()) }))
	m.Handle("POST /v1/submit", s.guard(submit, s.submit))
	s.watch(m)
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(w, r, s.isAdmin(peer(r)), errUnknown) })
	return m
}

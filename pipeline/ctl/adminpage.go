package ctl

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/mtad/mtad/core/maillog"
)

// healthTimeout bounds the question whether the daemon is well.
const healthTimeout = 5 * time.Second

// maxScrapers bounds the connections of the admin page; more wait to be accepted.
const maxScrapers = 50

// AdminHandler returns the admin page: /metrics is metrics (metric.Registry.Handler), /healthz
// answers "ok", or 503 and what healthy says is wrong. Nothing can be changed through it.
func AdminHandler(metrics http.Handler, healthy func(context.Context) error) http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /metrics", metrics)
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := healthy(ctx); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, err.Error()+"\n") // a peer that left hears nothing
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return m
}

// ServeAdmin answers with h on ln until ctx ends, with bounds fit for a network. It closes ln and
// returns nil when ctx ended it.
func ServeAdmin(ctx context.Context, ln net.Listener, h http.Handler, log *maillog.Service) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       headTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute, // longer than Prometheus waits between scrapes
		MaxHeaderBytes:    maxHeadBytes,
		ErrorLog:          quiet(log),
	}
	return serve(ctx, s, netutil.LimitListener(ln, maxScrapers), headTimeout)
}

// Package ctl is how an admin and the commands talk to the running daemon: the control socket,
// and the admin page for metrics and health.
//
// A Server answers on a Unix socket (Listen) for a Backend, which the daemon implements. A Client
// is the other end; the commands are made of its methods. AdminHandler and ServeAdmin are the
// page on a TCP address, which shows and changes nothing of the mail.
//
// # Format
//
// HTTP with JSON on a Unix socket of mode 0666:
//
//	GET    /v1/status                         Status
//	GET    /v1/queue?SELECTOR                 one object per line and entry, in the form of postqueue -j
//	GET    /v1/queue/{id}/message             a line with entry and record, then the text
//	GET    /v1/queue/{id}/why                 Why
//	POST   /v1/flush?SELECTOR                 deferred entries; ?fast=DOMAIN or ?id=ID for Postfix's fast flush
//	POST   /v1/act/{action}?SELECTOR          Action, to the ids in the body, or with all=1; one Done per line
//	POST   /v1/queue/{id}/hold|release|requeue
//	DELETE /v1/queue/{id}
//	GET    /v1/route?address=ADDRESS          where mail for an address would go
//	GET    /v1/suspended                      list of Suspension; POST adds one, DELETE ?nexthop= or ?service= ends one
//	GET    /v1/plugins                        list of hook.PluginStats
//	GET    /v1/trace                          trace.State; POST a trace.Rule; DELETE ends all, ?records=1 forgets
//	GET    /v1/trace/{id}                     trace.Record
//	POST   /v1/log?tag=TAG&level=LEVEL        lines for the mail log
//	POST   /v1/reload   /v1/stop   /v1/upgrade
//	POST   /v1/submit                         a message in the form of package drop; answers {"id":"…"}
//	POST   /v1/smtp                           with Upgrade: smtp; answers 101, then it is an SMTP session
//
// SELECTOR is the query of a Selector: queue (any number of times), site, sender, recipient, reason, plugin,
// older, younger (durations as Go writes them), larger, smaller (bytes).
//
// An answer with an HTTP status from 400 on carries a Reply: code, enhanced code and text. Queue
// listings that fail in the middle end with a trailer, so that a short list is never taken for a
// whole one.
//
// # Invariants
//
// Who is at the other end is what the kernel says (SO_PEERCRED), asked when the connection is
// made. Root and the daemon's own user may do everything; others may see the status, and list,
// flush and submit as far as Options allow. Nobody else may trace, hold, delete, requeue, reload, upgrade or stop.
// Heads, JSON bodies, connections and times are bounded; the text of a message is bounded by what
// Submit accepts.
//
// # Errors
//
// Client methods return a *status.Error when the daemon answered, wrapping queue.ErrNotFound when
// there is no such entry; ErrDown when no daemon listens; else what went wrong with the
// connection, after which it is not known whether the daemon did what was asked.
package ctl

package ctl

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// Backend is what the daemon does when it is asked. Safe for concurrent use. Errors are as between
// stages: a *status.Error, queue.ErrNotFound, or an unknown failure, which counts as temporary.
type Backend interface {
	// List calls fn for every queued entry until it returns false: active ones (with
	// Record.State set so), then incoming, deferred, held and corrupt ones. It streams. fn
	// keeps nothing of what it gets.
	List(ctx context.Context, fn func(*queue.Entry, *queue.Record) bool) error
	// Flush makes the deferred entries due now that match (nil: all) and returns how many;
	// FlushSite those with a pending recipient in domain, if fast_flush_domains has it, else
	// it fails with the Reply of NotEligible; FlushID one.
	Flush(ctx context.Context, match func(*queue.Entry, *queue.Record) bool) (int, error)
	FlushSite(ctx context.Context, domain string) (int, error)
	FlushID(ctx context.Context, id string) error
	// Actor changes one entry, in whatever state. Requeue has it pass the door again.
	Actor
	// Open returns the text of an entry; the caller closes it.
	Open(ctx context.Context, id string) (mail.Content, error)
	// Why tells why an entry waits.
	Why(ctx context.Context, id string) (Why, error)
	// Resolve tells where mail for an address would go.
	Resolve(ctx context.Context, address string) (queue.Route, error)
	// Note writes a line to the mail log: tag "" is the default of postlog(1), level one of
	// info, warn, error, fatal and panic.
	Note(tag, level, text string)
	// Session is an SMTP session on a connection that is not a socket (sendmail -bs). It
	// returns when the session is over, and closes the connection.
	Session(ctx context.Context, conn net.Conn, uid int) error
	// Suspend, Resume and Suspensions are about destinations that get no mail, and services that do
	// nothing, for a while. Of the Suspension to resume Nexthop or Service counts.
	Suspend(s Suspension) error
	Resume(ctx context.Context, s Suspension) error
	Suspensions() []Suspension
	// Watched tells about plugins.
	Watched
	// Reload reads the configuration again; on error the old one stays in force.
	Reload(ctx context.Context) error
	// Stop begins to stop the daemon and returns without waiting for the end.
	Stop(ctx context.Context) error
	// Upgrade begins to hand over to the program that is now where the daemon's was, and returns
	// without waiting for it. On error the daemon goes on.
	Upgrade(ctx context.Context) error
	// Status tells about the daemon. It must be quick.
	Status(ctx context.Context) (Status, error)
	// Submit queues a message of a local user. Lines of text end in LF or CRLF. env.Origin
	// is set; env.ID is set by the door. What was read when it fails is not queued.
	Submit(ctx context.Context, env *mail.Envelope, text io.Reader) (id string, err error)
}

// Status is what the daemon tells about itself.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Config is the configuration directory.
	Config string `json:"config"`
	// Queue is the number of entries per state, under the state's name.
	Queue    map[string]int `json:"queue"`
	Services []Service      `json:"services"`
}

// Service is one listener or transport of the daemon.
type Service struct {
	// Name as in master.cf ("smtp", "127.0.0.1:2525"), Type "inet" or "unix", Program the
	// command ("smtpd").
	Name    string `json:"name"`
	Type    string `json:"type"`
	Program string `json:"program"`
	// Address is where it listens, "" for what does not.
	Address string `json:"address,omitempty"`
	// Load is what it does; nil for a service that has no sessions or deliveries of its own.
	Load *Load `json:"load,omitempty"`
	// Suspended says why it is suspended; nil when it is not.
	Suspended *Suspension `json:"suspended,omitempty"`
}

// Load is what a service does, and has done since the daemon began.
type Load struct {
	// Busy is the sessions or deliveries under way, Limit the most at a time (0: no limit).
	Busy  int `json:"busy"`
	Limit int `json:"limit"`
	// Total is how many there were, those under way included; Refused counts the clients that were
	// turned away before a session began.
	Total   uint64 `json:"total"`
	Refused uint64 `json:"refused"`
}

package qmgr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// world is a manager with a store, agents and a notifier that a test scripts. The transport is
// what stands before the first dot of the recipient's domain ("smtp.example" → smtp), the
// nexthop the domain.
type world struct {
	t      *testing.T
	o      qmgr.Options
	store  *memStore
	m      *qmgr.Manager
	cancel context.CancelFunc
	ended  chan struct{}

	resolve func(ctx context.Context, rcpt mail.Recipient) (queue.Route, error)
	log     syncBuffer
	maillog *maillog.Log

	mu      sync.Mutex
	agent   func(ctx context.Context, req *queue.Request) []queue.Result
	tries   []try
	busy    map[string]int
	maxBusy map[string]int
	notices []notice
	refuse  error // what the notifier answers
	events  []string
}

// try is one delivery that began.
type try struct {
	id, transport, nexthop string
	at                     time.Time
	to                     []string
}

type notice struct {
	kind, id string
	to       []string
	outcomes []queue.Outcome
	expires  time.Time
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// inWorld runs a test in a bubble of virtual time.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer func() {
			if w.cancel != nil {
				w.stop()
			}
		}()
		test(w)
	})
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, o: qmgr.Defaults(), store: newStore(), busy: map[string]int{}, maxBusy: map[string]int{}}
	w.maillog = maillog.New(maillog.Options{Writer: &w.log, Name: "postfix"})
	w.resolve = byDomain
	w.agent = func(_ context.Context, req *queue.Request) []queue.Result { return sentAll(req) }
	w.o.Resolver, w.o.Notifier = resolverFunc(func(ctx context.Context, r mail.Recipient) (queue.Route, error) {
		return w.resolve(ctx, r)
	}), w
	w.o.Log = func(name string) *maillog.Service { return w.maillog.Service(name) }
	w.o.OnEvent = func(e queue.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e.Kind+" "+e.Entry.ID)
	}
	w.o.Transports = map[string]qmgr.Transport{"smtp": qmgr.NewTransport(w), "local": qmgr.NewTransport(w), "slow": qmgr.NewTransport(w)}
	local := w.o.Transports["local"]
	local.RecipientLimit, local.Window.Max = 1, 2
	w.o.Transports["local"] = local
	return w
}

func byDomain(_ context.Context, r mail.Recipient) (queue.Route, error) {
	d := addr.Domain(r.Address)
	transport, _, _ := strings.Cut(d, ".")
	return queue.Route{Transport: transport, Nexthop: d, Recipient: r.Address}, nil
}

type resolverFunc func(ctx context.Context, r mail.Recipient) (queue.Route, error)

func (f resolverFunc) Resolve(ctx context.Context, _ *mail.Envelope, r mail.Recipient) (queue.Route, error) {
	return f(ctx, r)
}

// transport changes a transport before start.
func (w *world) transport(name string, fn func(*qmgr.Transport)) {
	tr := w.o.Transports[name]
	fn(&tr)
	w.o.Transports[name] = tr
}

// start begins a manager on the store.
func (w *world) start() {
	w.t.Helper()
	w.o.Store = w.store
	m, err := qmgr.New(w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.m, w.cancel, w.ended = m, cancel, make(chan struct{})
	ended := w.ended
	go func() {
		defer close(ended)
		if err := m.Run(ctx); err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}()
	synctest.Wait()
}

// stop ends the manager and waits for it.
func (w *world) stop() {
	w.cancel()
	<-w.ended
	w.cancel = nil
	w.maillog.Flush()
}

// queue commits a message without telling the manager.
func (w *world) queue(sender string, to ...string) *queue.Entry {
	env := mail.Envelope{Sender: sender, Arrived: time.Now()}
	for _, a := range to {
		env.Recipients = append(env.Recipients, mail.Recipient{Address: a, Original: a})
	}
	return w.store.commit(env, queue.Incoming)
}

// send commits a message and hands it over.
func (w *world) send(to ...string) string {
	e := w.queue("sender@here", to...)
	w.m.Accepted(e)
	return e.ID
}

func (w *world) setAgent(fn func(ctx context.Context, req *queue.Request) []queue.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agent = fn
}

// Deliver is the agent of all transports.
func (w *world) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	tr := try{id: req.Entry.ID, transport: req.Transport, nexthop: req.Nexthop, at: time.Now()}
	for _, r := range req.Recipients {
		tr.to = append(tr.to, r.Address)
	}
	w.mu.Lock()
	w.tries = append(w.tries, tr)
	for _, k := range []string{req.Transport, req.Nexthop} {
		w.busy[k]++
		w.maxBusy[k] = max(w.maxBusy[k], w.busy[k])
	}
	agent := w.agent
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.busy[req.Transport]--
		w.busy[req.Nexthop]--
	}()
	return agent(ctx, req)
}

// refuseWith has notices fail, or with nil succeed again.
func (w *world) refuseWith(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = err
}

func (w *world) note(kind string, e *queue.Entry, text func() (mail.Content, error), rs []queue.Report, expires time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return w.refuse
	}
	if c, err := text(); err != nil || c.Size() == 0 {
		return errors.New("no text")
	}
	n := notice{kind: kind, id: e.ID, expires: expires}
	for _, r := range rs {
		n.to, n.outcomes = append(n.to, r.Recipient.Address), append(n.outcomes, r.Result.Outcome)
	}
	w.notices = append(w.notices, n)
	return nil
}

// Bounce, Delay, Success and Trace make the world the notifier.
func (w *world) Bounce(_ context.Context, e *queue.Entry, text func() (mail.Content, error), rs []queue.Report) error {
	return w.note("bounce", e, text, rs, time.Time{})
}

func (w *world) Delay(_ context.Context, e *queue.Entry, text func() (mail.Content, error), rs []queue.Report, expires time.Time) error {
	return w.note("delay", e, text, rs, expires)
}

func (w *world) Success(_ context.Context, e *queue.Entry, text func() (mail.Content, error), rs []queue.Report) error {
	return w.note("success", e, text, rs, time.Time{})
}

func (w *world) Trace(_ context.Context, e *queue.Entry, text func() (mail.Content, error), rs []queue.Report) error {
	return w.note("trace", e, text, rs, time.Time{})
}

func sentAll(req *queue.Request) []queue.Result {
	return results(req, queue.Result{Outcome: queue.Sent, Relay: "mx." + req.Nexthop + "[192.0.2.1]:25",
		RemoteMTA: "mx", Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok"}})
}

func deferAll(req *queue.Request) []queue.Result {
	return results(req, queue.Result{Outcome: queue.Deferred4, Relay: "none",
		Reply: status.Reply{Code: 451, Enhanced: "4.7.1", Text: "come back later"}})
}

func bounceAll(req *queue.Request) []queue.Result {
	return results(req, queue.Result{Outcome: queue.Bounced, Relay: "mx[192.0.2.1]:25", RemoteMTA: "mx",
		Reply: status.Reply{Code: 550, Enhanced: "5.1.1", Text: "host mx[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)"}})
}

func refusedAll(req *queue.Request) []queue.Result {
	return results(req, queue.Result{Outcome: queue.Deferred4, Relay: "none", DeadSite: true,
		Reply: status.Reply{Code: 450, Enhanced: "4.4.1", Text: "connect to mx[192.0.2.1]:25: Connection refused"}})
}

func results(req *queue.Request, r queue.Result) []queue.Result {
	list := make([]queue.Result, len(req.Recipients))
	for i := range list {
		list[i] = r
	}
	return list
}

// taking returns an agent that needs a time for each delivery, and then does what fn says.
func taking(d time.Duration, fn func(*queue.Request) []queue.Result) func(context.Context, *queue.Request) []queue.Result {
	return func(ctx context.Context, req *queue.Request) []queue.Result {
		select {
		case <-time.After(d):
			return fn(req)
		case <-ctx.Done():
			return deferAll(req)
		}
	}
}

func always(fn func(*queue.Request) []queue.Result) func(context.Context, *queue.Request) []queue.Result {
	return func(_ context.Context, req *queue.Request) []queue.Result { return fn(req) }
}

func (w *world) tried() []try {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.tries)
}

func (w *world) noticed() []notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.notices)
}

func (w *world) peak(k string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.maxBusy[k]
}

// logged returns the log lines that contain s, from the service tag on.
func (w *world) logged(s string) (lines []string) {
	w.maillog.Flush()
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, s) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), " postfix/")
			service, text, _ := strings.Cut(text, "[")
			_, text, _ = strings.Cut(text, "]: ")
			lines = append(lines, service+": "+text)
		}
	}
	return lines
}

// wantState fails the test unless the entry is in the state; 0: gone.
func (w *world) wantState(id string, want queue.State) {
	w.t.Helper()
	var got queue.State
	if rec := w.store.record(id); rec != nil {
		got = rec.State
	}
	if got != want {
		w.t.Fatalf("%s is %v, want %v", id, got, want)
	}
}

func (w *world) wantGone(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.wantState(id, 0)
	}
}

// wantLog fails the test unless the service logged a line with this text.
func (w *world) wantLog(service, text string) {
	w.t.Helper()
	for _, line := range w.logged(text) {
		if strings.HasPrefix(line, service+": ") {
			return
		}
	}
	log := w.log.String()
	w.t.Fatalf("no log line of %s with %q in:\n%s", service, text, log[:min(len(log), 2000)])
}

func addresses(n int, domain string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("user%d@%s", i, domain)
	}
	return list
}

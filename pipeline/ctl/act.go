package ctl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// Bounds of requests that change many entries.
const (
	maxBatch   = 1000            // ids in a request
	maxIDBytes = maxBatch * 256  // of them, with the line ends
	hands      = 16              // entries that are changed at a time: holds share a sync
	oneTimeout = 2 * time.Minute // one entry; an active one must be handed back first
)

func missingIsFine(err *error) error {
	if errors.Is(*err, queue.ErrNotFound) {
		return nil
	}
	return *err
}

// List calls fn for the entries that a selector means until fn returns false.
func List(ctx context.Context, b Lister, s *Selector, fn func(*queue.Entry, *queue.Record) bool) error {
	now := time.Now()
	return b.List(ctx, func(e *queue.Entry, r *queue.Record) bool { return !s.Match(now, e, r) || fn(e, r) })
}

// Lister lists entries; see Backend.List.
type Lister interface {
	List(ctx context.Context, fn func(*queue.Entry, *queue.Record) bool) error
}

// DoIDs does an action to the entries with these ids that the selector means, and calls done for
// each that changed or failed, in no order, never two at a time. Ids that are not there are passed
// over.
func DoIDs(ctx context.Context, a Action, by Actor, ids []string, s *Selector, done func(Done)) {
	now := time.Now()
	w := newWork(a, by, done)
	defer w.wait()
	for _, id := range ids {
		e, r, err := by.Find(ctx, id)
		switch {
		case errors.Is(err, queue.ErrNotFound):
		case err != nil && !errors.Is(err, queue.ErrCorrupt):
			w.report(Done{ID: id, Failure: text(err)})
		case err == nil && s.Match(now, e, r):
			w.add(ctx, id, r)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// DoAll does an action to all entries that the selector means; see DoIDs. It streams, but for
// Requeue, which first notes which entries there are: it makes new ones as it goes.
func DoAll(ctx context.Context, a Action, by interface {
	Actor
	Lister
}, s *Selector, done func(Done)) error {
	w := newWork(a, by, done)
	defer w.wait()
	if a == Requeue {
		return w.noted(ctx, by, s)
	}
	return List(ctx, by, s, func(e *queue.Entry, r *queue.Record) bool {
		w.add(ctx, e.ID, r)
		return ctx.Err() == nil
	})
}

// work is an action under way.
type work struct {
	a    Action
	by   Actor
	jobs chan job
	wg   sync.WaitGroup

	mu   sync.Mutex // held while done is called
	done func(Done)
}

type job struct {
	ctx context.Context
	id  string
	rec queue.Record
}

// newWork starts the hands; wait ends them.
func newWork(a Action, by Actor, done func(Done)) *work {
	w := &work{a: a, by: by, jobs: make(chan job), done: done}
	for range hands {
		w.wg.Go(func() {
			for j := range w.jobs {
				w.one(j)
			}
		})
	}
	return w
}

func (w *work) wait() {
	close(w.jobs)
	w.wg.Wait()
}

// add has an entry changed. It copies what it keeps of the record.
func (w *work) add(ctx context.Context, id string, r *queue.Record) {
	if !w.a.Concerns(r) {
		return
	}
	select {
	case w.jobs <- job{ctx, strings.Clone(id), queue.Record{State: r.State, Expire: r.Expire}}:
	case <-ctx.Done():
	}
}

// noted changes the entries that are there now.
func (w *work) noted(ctx context.Context, by Lister, s *Selector) error {
	var all []job
	err := List(ctx, by, s, func(e *queue.Entry, r *queue.Record) bool {
		all = append(all, job{ctx, strings.Clone(e.ID), queue.Record{State: r.State}})
		return ctx.Err() == nil
	})
	for i := range all {
		w.add(ctx, all[i].id, &all[i].rec)
	}
	return err
}

func (w *work) one(j job) {
	ctx, cancel := context.WithTimeout(j.ctx, oneTimeout)
	defer cancel()
	d, changed, err := w.a.Apply(ctx, w.by, j.id, &j.rec)
	if err != nil {
		d.Failure = text(err)
	}
	if changed || err != nil {
		w.report(d)
	}
}

func (w *work) report(d Done) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done(d)
}

// text is an error for an admin, who alone may change entries.
func text(err error) string {
	e := status.From(err)
	if e.Cause != nil {
		return status.Clean(e.Reply.Text + ": " + e.Cause.Error())
	}
	return status.Clean(e.Reply.Text)
}

// actMany answers POST /v1/act/{action}.
func (s *Server) actMany(w http.ResponseWriter, r *http.Request) error {
	a := Action(r.PathValue("action"))
	sel, err := ParseSelector(r.URL.Query())
	if err == nil && !known(a) {
		err = status.New(501, "5.5.4", "Bad action")
	}
	if err != nil {
		return err
	}
	if len(sel.Queues) == 0 {
		sel.Queues = a.Queues()
	}
	ids, err := readIDs(w, r)
	if err != nil {
		return err
	}
	out := newLines(w)
	done := func(d Done) { out.write(d) }
	if r.URL.Query().Get("all") == "1" {
		err = DoAll(r.Context(), a, s.b, &sel, done)
	} else {
		DoIDs(r.Context(), a, s.b, ids, &sel, done)
	}
	s.endLines(w, r, out, err)
	return nil
}

// readIDs reads the ids in the body of a request, one a line.
func readIDs(w http.ResponseWriter, r *http.Request) ([]string, error) {
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now().Add(headTimeout)); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxIDBytes))
	if err == nil {
		err = rc.SetReadDeadline(time.Time{}) // the deadline would end the work, too
	}
	if err != nil {
		return nil, status.New(501, "5.5.4", "Too many queue ids").Because(err)
	}
	ids := strings.Fields(string(b))
	if len(ids) > maxBatch {
		return nil, status.New(501, "5.5.4", "More than %d queue ids", maxBatch)
	}
	return ids, nil
}

// lines writes an answer of one JSON value a line.
type lines struct {
	w   *bufio.Writer
	enc *json.Encoder
	err error
}

func newLines(w http.ResponseWriter) *lines {
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Trailer", failTrailer)
	h.Set("Connection", "close") // its deadlines are not for another request
	out := bufio.NewWriterSize(deadlined{w, http.NewResponseController(w)}, 32<<10)
	return &lines{w: out, enc: json.NewEncoder(out)}
}

// write writes one line. The work goes on when nobody listens any more.
func (l *lines) write(v any) {
	if l.err == nil {
		l.err = l.enc.Encode(v)
	}
}

// endLines sends what is left, and in a trailer what went wrong.
func (s *Server) endLines(w http.ResponseWriter, r *http.Request, out *lines, err error) {
	if out.err != nil || out.w.Flush() != nil {
		return // nobody is there to be told
	}
	if err == nil {
		return
	}
	s.o.Log.Warning("control socket: " + err.Error())
	b, _ := json.Marshal(replyOf(err, s.isAdmin(peer(r)))) // plain fields: it cannot fail
	w.Header().Set(failTrailer, string(b))
}

// Act does an action to the entries with these ids that the selector means, in requests of at most
// 1000 ids, and calls done for each that changed or failed.
func (c *Client) Act(ctx context.Context, a Action, ids []string, s *Selector, done func(Done)) error {
	for len(ids) > 0 {
		n := min(len(ids), maxBatch)
		if err := c.act(ctx, a, s, strings.Join(ids[:n], "\n"), false, done); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// ActAll does an action to all entries that the selector means.
func (c *Client) ActAll(ctx context.Context, a Action, s *Selector, done func(Done)) error {
	return c.act(ctx, a, s, "", true, done)
}

func (c *Client) act(ctx context.Context, a Action, s *Selector, ids string, all bool, done func(Done)) error {
	q := s.Query()
	if all {
		q.Set("all", "1")
	}
	resp, err := c.send(ctx, http.MethodPost, "/v1/act/"+string(a)+"?"+q.Encode(), bytes.NewReader([]byte(ids)), int64(len(ids)))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var d Done
		err := dec.Decode(&d)
		if errors.Is(err, io.EOF) {
			return trailer(resp)
		}
		if err != nil {
			return err
		}
		done(d)
	}
}

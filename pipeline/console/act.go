package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// flush is the action that ctl has a request of its own for: try deferred messages now.
const flush ctl.Action = "flush"

// Bounds of actions.
const (
	maxFailures = 50               // that are shown
	samples     = 10               // messages that a question shows
	roundTime   = 40 * time.Second // for one round: no browser waits for ever
	actTime     = 3 * time.Minute  // for what is under way when it is over
	roundMost   = 50000            // messages of one round
	requeueMost = 5000             // and of one that requeues, which notes them all first
)

// actions are what can be done, in the order of the buttons. To expire is to return to the sender.
func actions() []ctl.Action {
	return []ctl.Action{flush, ctl.Hold, ctl.Release, ctl.Requeue, ctl.Expire, ctl.Delete}
}

// concerns reports whether an action changes an entry.
func concerns(a ctl.Action, r *queue.Record) bool {
	if a == flush {
		return r.State == queue.Deferred
	}
	return a.Concerns(r)
}

func actionsFor(r *queue.Record) []ctl.Action {
	return slices.DeleteFunc(actions(), func(a ctl.Action) bool { return !concerns(a, r) })
}

// order is what somebody wants done, to what.
type order struct {
	Action ctl.Action
	IDs    []string
	// Sel is what is meant without IDs.
	Sel ctl.Selector
	// Before is when the question was asked: what arrived later is not meant.
	Before time.Time
}

// parseOrder reads one from a form. Everything must have been asked for by all=1: a form that lost its
// fields on the way must not empty the queue.
func parseOrder(q url.Values) (o order, err error) {
	o.Action = ctl.Action(q.Get("action"))
	if !slices.Contains(actions(), o.Action) {
		return o, status.New(501, "5.5.4", "Bad action")
	}
	if o.IDs, err = parseIDs(q); err != nil {
		return o, err
	}
	if all := q.Get("all") == "1"; all != (len(o.IDs) == 0) {
		return o, status.New(501, "5.5.4", "No message was chosen")
	}
	if len(o.IDs) > 0 {
		return o, nil
	}
	if o.Sel, err = parseSelector(q); err != nil {
		return o, err
	}
	if text := q.Get("before"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n <= 0 {
			return o, status.New(501, "5.5.4", "Bad time")
		}
		o.Before = time.Unix(0, n)
	}
	return o, nil
}

// match is what an order by selector means.
func (o *order) match() func(*queue.Entry, *queue.Record) bool {
	sel := o.Sel
	if len(sel.Queues) == 0 && o.Action != flush {
		sel.Queues = o.Action.Queues()
	}
	return func(e *queue.Entry, r *queue.Record) bool {
		return !e.Arrived.After(o.Before) && sel.Match(o.Before, e, r) && concerns(o.Action, r)
	}
}

// question asks whether an order shall be done.
type question struct {
	found
	Action     ctl.Action
	IDs        []string
	Fields     []pair
	Everything bool
	Before     int64
	// Gone counts the ids that are not there, or not fit for the action.
	Gone int
}

// confirm shows what an order would change.
func (c *Console) confirm(w http.ResponseWriter, v *visit) error {
	o, err := parseOrder(v.URL.Query())
	if err != nil {
		return err
	}
	o.Before = c.o.Clock()
	q := question{Action: o.Action, Fields: pairs(&o.Sel), Before: o.Before.UnixNano(), Everything: len(o.IDs) == 0 && o.Sel.IsZero()}
	if len(o.IDs) == 0 {
		q.found, err = c.walk(v.Context(), o.match(), 0, samples, true)
	} else {
		err = c.askIDs(v.Context(), &q, o.IDs)
	}
	if err != nil {
		return err
	}
	c.page(w, v, http.StatusOK, "confirm", "Are you sure?", q)
	return nil
}

func (c *Console) askIDs(ctx context.Context, q *question, ids []string) error {
	for _, id := range ids {
		e, r, err := c.b.Find(ctx, id)
		switch {
		case errors.Is(err, queue.ErrNotFound):
			q.Gone++
			continue
		case errors.Is(err, queue.ErrCorrupt) && q.Action == ctl.Delete:
			q.Items = append(q.Items, item{ID: id, State: queue.Corrupt.String()})
		case err != nil:
			return err
		case !concerns(q.Action, r):
			q.Gone++
			continue
		default:
			q.Items = append(q.Items, itemOf(e, r))
		}
		q.N++
		q.IDs = append(q.IDs, id)
	}
	return nil
}

// outcome is what became of an order.
type outcome struct {
	Action   ctl.Action
	N        int // messages changed
	Failed   int
	Failures []ctl.Done // the first of them
	Trouble  string     // why it did not come to the end
	IDs      []string   // of an order by ids
	// More: the round was over before all was done; Fields and Before say the order again.
	More   bool
	Fields []pair
	Before int64
}

func (o *outcome) add(d ctl.Done) {
	if d.Failure == "" {
		o.N++
		return
	}
	if o.Failed++; len(o.Failures) < maxFailures {
		o.Failures = append(o.Failures, d)
	}
}

// act does an order, or a round of it. It ends early when whoever gave it leaves the page: what was done
// stays done.
func (c *Console) act(w http.ResponseWriter, v *visit) error {
	o, err := parseOrder(v.PostForm)
	if err != nil {
		return err
	}
	if len(o.IDs) == 0 && (o.Before.IsZero() || o.Before.After(c.o.Clock())) {
		return status.New(501, "5.5.4", "Bad time")
	}
	ctx, cancel := context.WithTimeout(v.Context(), actTime)
	defer cancel()
	allow(w, actTime)
	c.note(v, "%s: begun: %s", o.Action, o.text())
	res := outcome{Action: o.Action, IDs: o.IDs, Fields: pairs(&o.Sel), Before: o.Before.UnixNano()}
	if err = c.carryOut(ctx, v, &o, &res); err == nil {
		err = ctx.Err()
	}
	if err != nil {
		res.Trouble = status.From(err).Reply.Text
		c.o.Log.Warning(status.Clean("console: " + string(o.Action) + ": " + err.Error()))
	}
	c.note(v, "%s: %d messages, %d failed", o.Action, res.N, res.Failed)
	c.page(w, v, http.StatusOK, "act", "Done", res)
	return nil
}

func (c *Console) carryOut(ctx context.Context, v *visit, o *order, res *outcome) error {
	switch {
	case o.Action == flush:
		return c.flush(ctx, o, res)
	case len(o.IDs) > 0:
		ctl.DoIDs(ctx, o.Action, c.b, o.IDs, &o.Sel, c.told(v, o, res))
		return nil
	}
	m := &meant{Backend: c.b, match: o.match(), room: roundMost, until: time.Now().Add(roundTime)}
	if o.Action == ctl.Requeue {
		m.room = requeueMost
	}
	err := ctl.DoAll(ctx, o.Action, m, &ctl.Selector{}, c.told(v, o, res))
	res.More = m.more && err == nil
	return err
}

// meant lists what an order means, as much as one round takes. One goroutine uses it.
type meant struct {
	Backend
	match func(*queue.Entry, *queue.Record) bool
	room  int
	until time.Time
	// more is set when the round was over first.
	more bool
}

// List lists it.
func (m *meant) List(ctx context.Context, fn func(*queue.Entry, *queue.Record) bool) error {
	return m.Backend.List(ctx, func(e *queue.Entry, r *queue.Record) bool {
		if !m.match(e, r) {
			return true
		}
		if m.more = m.room == 0 || time.Now().After(m.until); m.more {
			return false
		}
		m.room--
		return fn(e, r)
	})
}

// told notes what becomes of each message. Those that change are logged one by one: the log tells of every
// message who did what to it.
func (c *Console) told(v *visit, o *order, res *outcome) func(ctl.Done) {
	return func(d ctl.Done) {
		res.add(d)
		if d.Failure == "" {
			c.logFor(d.ID, v, string(o.Action))
		}
	}
}

// logFor logs what somebody did with one message.
func (c *Console) logFor(id string, v *visit, what string) {
	c.o.Log.Info(status.Clean(fmt.Sprintf("%s: console: %s by user=%s client=%s", id, what, v.who.name, client(v.Request))))
}

func (c *Console) flush(ctx context.Context, o *order, res *outcome) (err error) {
	if len(o.IDs) == 0 {
		res.N, err = c.b.Flush(ctx, o.match())
		return err
	}
	for _, id := range o.IDs {
		d := ctl.Done{ID: id}
		err := c.b.FlushID(ctx, id)
		if errors.Is(err, queue.ErrNotFound) {
			continue
		}
		if err != nil {
			d.Failure = status.From(err).Reply.Text
		}
		res.add(d)
	}
	return nil
}

// text is an order for the log.
func (o *order) text() string {
	if len(o.IDs) > 0 {
		return "ids " + strings.Join(o.IDs, " ")
	}
	if o.Sel.IsZero() {
		return "all messages"
	}
	return "selector " + o.Sel.Query().Encode()
}

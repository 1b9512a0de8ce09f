package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// Bounds of a list.
const (
	pageSize  = 50
	maxRcpts  = 3                // recipients of a message that a list shows
	walkTime  = 10 * time.Second // for one walk through the queue
	checkedAt = 256              // messages between two looks at the time
)

// item is one message of a list.
type item struct {
	ID, State, Sender string
	Size              int64
	Arrived           time.Time
	Expire            bool
	Recipients        []string
	More              int // recipients that are not shown
	Reason            string
}

// itemOf copies what a list shows of an entry.
func itemOf(e *queue.Entry, r *queue.Record) item {
	it := item{ID: strings.Clone(e.ID), State: r.State.String(), Sender: strings.Clone(e.Sender), Size: e.Size, Arrived: e.Arrived,
		Expire: r.Expire, Reason: strings.Clone(r.Reason)}
	for i := range e.Recipients {
		if i < len(r.Recipients) {
			p := &r.Recipients[i]
			if p.Outcome.Done() {
				continue
			}
			if it.Reason == "" {
				it.Reason = strings.Clone(p.Reply.Text)
			}
		}
		if len(it.Recipients) == maxRcpts {
			it.More++
			continue
		}
		it.Recipients = append(it.Recipients, strings.Clone(e.Recipients[i].Address))
	}
	return it
}

// found is what a walk through the queue brought.
type found struct {
	Items []item
	// N counts what was meant, as far as the walk came.
	N int
	// More: there is at least one message behind the page.
	More bool
	// Cut: the time was over before the end of the queue.
	Cut bool
}

// walk looks for messages: it passes over skip of them, returns the next page, and with all goes on
// counting. It holds no more than a page.
func (c *Console) walk(ctx context.Context, means func(*queue.Entry, *queue.Record) bool, skip, page int, all bool) (f found, err error) {
	ctx, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	seen := 0
	err = c.b.List(ctx, func(e *queue.Entry, r *queue.Record) bool {
		if seen++; seen%checkedAt == 0 && ctx.Err() != nil {
			f.Cut = true
			return false
		}
		if !means(e, r) {
			return true
		}
		f.N++
		switch {
		case f.N <= skip:
		case len(f.Items) < page:
			f.Items = append(f.Items, itemOf(e, r))
		default:
			f.More = true
			return all
		}
		return true
	})
	if err != nil && ctx.Err() != nil {
		f.Cut, err = true, nil
	}
	return f, err
}

// selection is a selector as forms and links show it.
type selection struct {
	Site, Sender, Recipient, Reason, Plugin, Older, Younger, Larger, Smaller string
	Queues                                                                   []choice
}

type choice struct {
	Name   string
	Chosen bool
}

func selectionOf(s *ctl.Selector) selection {
	f := selection{Site: s.Site, Sender: s.Sender, Recipient: s.Recipient, Reason: s.Reason, Plugin: s.Plugin, Older: formAge(s.Older), Younger: formAge(s.Younger)}
	if s.Larger > 0 {
		f.Larger = strconv.FormatInt(s.Larger, 10)
	}
	if s.Smaller > 0 {
		f.Smaller = strconv.FormatInt(s.Smaller, 10)
	}
	for st := queue.Incoming; st <= queue.Corrupt; st++ {
		c := choice{Name: st.String()}
		for _, q := range s.Queues {
			c.Chosen = c.Chosen || q == c.Name
		}
		f.Queues = append(f.Queues, c)
	}
	return f
}

// pairs are the fields of a selector, for forms that carry it on.
func pairs(s *ctl.Selector) (fields []pair) {
	q := s.Query()
	for _, name := range []string{"queue", "site", "sender", "recipient", "reason", "plugin", "older", "younger", "larger", "smaller"} {
		for _, value := range q[name] {
			fields = append(fields, pair{name, value})
		}
	}
	return fields
}

type pair struct{ Name, Value string }

// list is the page of the queue.
type list struct {
	found
	Selection selection
	Fields    []pair
	// All: nothing is selected.
	All         bool
	First, Last int
	// Next and Back are links, "" for none.
	Next, Back string
	Actions    []ctl.Action
}

func (c *Console) queue(w http.ResponseWriter, v *visit) error {
	q := v.URL.Query()
	sel, err := parseSelector(q)
	if err != nil {
		return err
	}
	skip := 0
	if s := q.Get("skip"); s != "" {
		if skip, err = strconv.Atoi(s); err != nil || skip < 0 || skip > maxSkip {
			return status.New(501, "5.5.4", "Bad page; narrow the selection down")
		}
	}
	now := c.o.Clock()
	f, err := c.walk(v.Context(), func(e *queue.Entry, r *queue.Record) bool { return sel.Match(now, e, r) }, skip, pageSize, false)
	if err != nil {
		return err
	}
	l := list{found: f, Selection: selectionOf(&sel), Fields: pairs(&sel), All: sel.IsZero(), Actions: actions()}
	if len(f.Items) > 0 {
		l.First, l.Last = skip+1, skip+len(f.Items)
	}
	if f.More && skip+pageSize <= maxSkip {
		l.Next = pageLink(&sel, skip+pageSize)
	}
	if skip > 0 {
		l.Back = pageLink(&sel, max(skip-pageSize, 0))
	}
	c.page(w, v, http.StatusOK, "queue", "Queue", l)
	return nil
}

func pageLink(s *ctl.Selector, skip int) string {
	q := s.Query()
	if skip > 0 {
		q.Set("skip", strconv.Itoa(skip))
	}
	u := url.URL{Path: Root + "queue", RawQuery: q.Encode()}
	return u.String()
}

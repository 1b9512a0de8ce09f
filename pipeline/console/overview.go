package console

import (
	"html/template"
	"net/http"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/queue"
)

// refreshTime is how often a page that was asked to stay up to date is loaded again, in seconds.
const refreshTime = 10

// maxSuspended bounds the suspended destinations that are shown.
const maxSuspended = 500

// overview is the first page.
type overview struct {
	Status    ctl.Status
	States    []state
	Most      int
	Rates     rateTable
	Shape     shapeTable
	Suspended []ctl.Suspension
	More      int // suspended ones that are not shown
}

type state struct {
	Name string
	N    int
}

// rateTable is what Rates tells.
type rateTable struct {
	Rows  []rateRow
	Hour  template.HTML
	Most  uint32 // of a minute of it
	Parts []partRow
	Some  bool // anything was delivered in the last 10 minutes
}

// rateRow is one kind: how many in the last 1, 10 and 60 minutes.
type rateRow struct {
	Class, Name       string
	One, Ten, Sixty   uint32
	PerMinute, Hourly float64
}

// partRow is one part of the delay, of the last 10 minutes.
type partRow struct {
	Letter, Name        string
	Mean, Median, Worst time.Duration
}

// shapeTable is one view of a shape.
type shapeTable struct {
	BySender, Held bool
	Heads          []string
	All            row
	Rows           []row
	MostAge        int
	Shape          *shape
}

func (c *Console) overview(w http.ResponseWriter, v *visit) error {
	st, err := c.b.Status(v.Context())
	if err != nil {
		return err
	}
	sh, err := c.shapes.get(v.Context(), c.b)
	if err != nil {
		return err
	}
	q := v.URL.Query()
	o := overview{Status: st, Rates: tabulate(c.o.Rates), Shape: tableOf(sh, q.Get("by") == "sender", q.Get("held") == "1")}
	for s := queue.Incoming; s <= queue.Corrupt; s++ {
		n := st.Queue[s.String()]
		o.States = append(o.States, state{s.String(), n})
		o.Most = max(o.Most, n)
	}
	o.Suspended = c.b.Suspensions()
	if len(o.Suspended) > maxSuspended {
		o.More = len(o.Suspended) - maxSuspended
		o.Suspended = o.Suspended[:maxSuspended]
	}
	d := c.view(v, "overview", "Overview", o)
	if q.Get("live") == "1" {
		d.Refresh = refreshTime
	}
	c.send(w, http.StatusOK, "overview", d)
	return nil
}

func tabulate(r *Rates) rateTable {
	one, ten, sixty := r.sum(time.Minute), r.sum(10*time.Minute), r.sum(time.Hour)
	minutes := r.minutes()
	t := rateTable{Hour: hour(minutes), Most: busiest(minutes)}
	for k, name := range []string{"accepted", "sent", "deferred", "bounced"} {
		t.Rows = append(t.Rows, rateRow{Class: "k" + string('0'+rune(k)), Name: name, One: one.n[k], Ten: ten.n[k], Sixty: sixty.n[k],
			PerMinute: float64(ten.n[k]) / 10, Hourly: float64(sixty.n[k]) / 60})
	}
	for i, name := range []string{"before the queue", "in the queue", "connecting", "transmission"} {
		l := &ten.parts[i]
		t.Parts = append(t.Parts, partRow{Letter: string('a' + rune(i)), Name: name, Mean: l.mean(), Median: l.atMost(50), Worst: l.atMost(95)})
		t.Some = t.Some || l.count() > 0
	}
	return t
}

func tableOf(s *shape, bySender, onHold bool) shapeTable {
	view := bySite
	if bySender {
		view = 0
	}
	if onHold {
		view |= held
	}
	t := shapeTable{BySender: bySender, Held: onHold, All: s.tallies[view].all, Rows: s.tallies[view].top(), Shape: s}
	age := firstAge
	for i := range buckets {
		head := ageText(age)
		if i == buckets-1 {
			head = "more"
		}
		t.Heads = append(t.Heads, head)
		age *= 2
	}
	for i := range t.Rows[:min(len(t.Rows), topDomains)] { // without the others, which together would pale all
		for _, n := range t.Rows[i].Ages {
			t.MostAge = max(t.MostAge, n)
		}
	}
	return t
}

// pluginRow is one hook of one plugin.
type pluginRow struct {
	Plugin hook.PluginStats
	First  bool // of its plugin
	hook.HookStats
	Mean time.Duration
}

func (c *Console) plugins(w http.ResponseWriter, v *visit) error {
	var rows []pluginRow
	for _, p := range c.b.Plugins() {
		if len(p.Hooks) == 0 {
			rows = append(rows, pluginRow{Plugin: p, First: true})
		}
		for i, h := range p.Hooks {
			r := pluginRow{Plugin: p, First: i == 0, HookStats: h}
			if h.Calls > 0 {
				r.Mean = h.Time / time.Duration(h.Calls)
			}
			rows = append(rows, r)
		}
	}
	c.page(w, v, http.StatusOK, "plugins", "Plugins", rows)
	return nil
}

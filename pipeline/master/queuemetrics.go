package master

import (
	"context"
	"strconv"
	"time"

	"github.com/mtad/mtad/core/metric"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// busiestSites is how many destinations the metrics show: those with the most mail.
const busiestSites = 50

// watchQueue publishes what the manager of the moment knows: messages per state, active ones for
// themselves, and how its transports and busiest destinations are doing.
func (m *Master) watchQueue() {
	r := m.counters.registry
	r.Snapshot("mtad_queue_messages", "Messages by queue.", 5, []string{"queue"}, func(add func(float64, ...string)) {
		if g := m.gen.Load(); g != nil {
			for state, n := range g.queue.Counts() {
				add(float64(n), state.String())
			}
		}
	})
	r.Snapshot("mtad_transport_busy", "Deliveries under way by transport.", labelLimit, []string{"transport"}, func(add func(float64, ...string)) {
		for _, t := range m.queueStats(0).Transports {
			add(float64(t.Busy), t.Name)
		}
	})
	site := []string{"transport", "nexthop"}
	for name, f := range map[string]struct {
		help  string
		value func(*qmgr.SiteStats) int
	}{
		"mtad_destination_window":  {"How many deliveries a destination may have under way, 0 when it is dead; the 50 with the most mail.", func(s *qmgr.SiteStats) int { return s.Window }},
		"mtad_destination_busy":    {"Deliveries under way by destination.", func(s *qmgr.SiteStats) int { return s.Busy }},
		"mtad_destination_waiting": {"Active messages that wait by destination.", func(s *qmgr.SiteStats) int { return s.Waiting }},
	} {
		r.Snapshot(name, f.help, busiestSites, site, func(add func(float64, ...string)) {
			sites := m.queueStats(busiestSites).Sites
			for i := range sites {
				add(float64(f.value(&sites[i])), sites[i].Transport, sites[i].Nexthop)
			}
		})
	}
}

func (m *Master) queueStats(sites int) qmgr.Stats {
	g := m.gen.Load()
	if g == nil {
		return qmgr.Stats{}
	}
	return g.queue.Stats(sites)
}

// The walks that count messages by age: at most one a minute, and so seldom that they take a twentieth of
// the time.
const (
	agesEvery = time.Minute
	agesShare = 20
)

// ageLimits are the upper bounds of the ages that are told apart, in minutes, as qshape(1) has them.
func ageLimits() []int { return []int{5, 10, 20, 40, 80, 160, 320, 640, 1280} }

// ages counts messages by state and age. The queue has no index of that, so it is walked at times.
type ages struct {
	store  queue.Store
	counts *metric.GaugeVec
}

func newAges(s queue.Store, r *metric.Registry) *ages {
	return &ages{s, r.GaugeVec("mtad_queue_age_messages", "Messages by queue and age in minutes, at most so many; counted at times.",
		4*(len(ageLimits())+1), "queue", "minutes")}
}

// run counts until ctx ends.
func (a *ages) run(ctx context.Context) {
	for ctx.Err() == nil {
		begun := time.Now()
		for _, s := range []queue.State{queue.Incoming, queue.Deferred, queue.Hold} {
			a.count(ctx, s, begun)
		}
		next := time.NewTimer(max(agesEvery, agesShare*time.Since(begun)))
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
		}
	}
}

// count counts the messages in a state. What cannot be read leaves the numbers as they are.
func (a *ages) count(ctx context.Context, state queue.State, now time.Time) {
	limits := ageLimits()
	n := make([]int, len(limits)+1)
	err := a.store.Each(ctx, state, "", func(e *queue.Entry, _ *queue.Record) bool {
		i := 0
		for i < len(limits) && now.Sub(e.Arrived) > time.Duration(limits[i])*time.Minute {
			i++
		}
		n[i]++
		return ctx.Err() == nil
	})
	if err != nil || ctx.Err() != nil {
		return
	}
	for i := range n {
		name := "more"
		if i < len(limits) {
			name = strconv.Itoa(limits[i])
		}
		a.counts.With(state.String(), name).Set(float64(n[i]))
	}
}

package master

import (
	"time"

	"github.com/mtad/mtad/core/metric"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// counters are the metrics of a running mtad.
type counters struct {
	registry *metric.Registry
	queued   *metric.Counter
	results  *metric.CounterVec
	// parts are the four parts of the log line's delays=a/b/c/d.
	parts *metric.HistogramVec
	calls *metric.CounterVec
	took  *metric.HistogramVec
	own   *metric.CounterVec
	// restarts counts processes that were started again.
	restarts *metric.CounterVec
	// eventsLost counts events that no plugin was told of.
	eventsLost *metric.Counter
}

// labelLimit bounds the label sets of one metric.
const labelLimit = 200

func newCounters() *counters {
	r := metric.New()
	return &counters{
		registry: r,
		queued:   r.Counter("mtad_queued_total", "Messages that were committed to the queue for delivery, without those that were put on hold at once."),
		results:  r.CounterVec("mtad_deliveries_total", "Recipients by transport and outcome.", labelLimit, "transport", "outcome"),
		parts: r.DurationsVec("mtad_delivery_seconds", "The parts of the delay of a recipient, as delays=a/b/c/d in the log: "+
			"before the queue manager, in it, setting up the connection, transmission.", 4*labelLimit, "transport", "part"),
		calls:      r.CounterVec("mtad_plugin_calls_total", "Hook calls by plugin, point and verdict.", labelLimit, "plugin", "point", "verdict"),
		took:       r.DurationsVec("mtad_plugin_seconds", "Time of hook calls by plugin and point.", labelLimit, "plugin", "point"),
		own:        r.CounterVec("mtad_plugin_counter_total", "Counters that plugins keep.", labelLimit, "plugin", "name"),
		restarts:   r.CounterVec("mtad_plugin_restarts_total", "Starts of process plugins after their processes had ended.", labelLimit, "plugin"),
		eventsLost: r.Counter("mtad_plugin_events_lost_total", "Events that were dropped because the plugins of the event hook were too slow."),
	}
}

func (c *counters) delivered(d qmgr.Delivery) {
	c.results.With(d.Transport, d.Outcome.String()).Inc()
	c.parts.With(d.Transport, "a").Observe(d.Before.Seconds())
	c.parts.With(d.Transport, "b").Observe(d.Queued.Seconds())
	c.parts.With(d.Transport, "c").Observe(d.Setup.Seconds())
	c.parts.With(d.Transport, "d").Observe(d.Conversing.Seconds())
}

func (c *counters) plugin(plugin, name string, delta int64) {
	c.own.With(plugin, name).Add(uint64(delta))
}

func (c *counters) called(plugin string, p sdk.Point, took time.Duration, a sdk.Action, err error) {
	verdict := a.String()
	if err != nil {
		verdict = "failure"
	}
	c.calls.With(plugin, p.String(), verdict).Inc()
	c.took.With(plugin, p.String()).Observe(took.Seconds())
}

// states publishes the number of queued messages per state.
func (c *counters) states(s queue.Store) {
	for _, st := range []queue.State{queue.Incoming, queue.Deferred, queue.Hold, queue.Corrupt} {
		c.registry.GaugeFunc("mtad_queue_"+st.String(), "Messages in this state.", func() float64 { return float64(s.Counts()[st]) })
	}
}

package metric

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Counter counts events; it only grows. A nil Counter counts nothing. Safe for concurrent use.
type Counter struct {
	prom prometheus.Counter
}

// Counter returns the counter called name, which by custom ends in "_total" or "_bytes_total".
func (r *Registry) Counter(name, help string) *Counter {
	if r == nil {
		return nil
	}
	return obtain(r, name, spec{kind: "counter", help: help}, func() (*Counter, prometheus.Collector) {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		return &Counter{c}, c
	})
}

// Inc counts one event.
func (c *Counter) Inc() {
	if c != nil {
		c.prom.Inc()
	}
}

// Add counts n events, or n bytes of something.
func (c *Counter) Add(n uint64) {
	if c != nil {
		c.prom.Add(float64(n))
	}
}

// Gauge is a number that goes up and down. A nil Gauge shows nothing. Safe for concurrent use.
type Gauge struct {
	prom prometheus.Gauge
}

// Gauge returns the gauge called name.
func (r *Registry) Gauge(name, help string) *Gauge {
	if r == nil {
		return nil
	}
	return obtain(r, name, spec{kind: "gauge", help: help}, func() (*Gauge, prometheus.Collector) {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		return &Gauge{g}, g
	})
}

// Set makes the gauge v.
func (g *Gauge) Set(v float64) {
	if g != nil {
		g.prom.Set(v)
	}
}

// Add makes the gauge larger by v, or smaller if v is negative.
func (g *Gauge) Add(v float64) {
	if g != nil {
		g.prom.Add(v)
	}
}

// Inc makes the gauge larger by one.
func (g *Gauge) Inc() { g.Add(1) }

// Dec makes the gauge smaller by one.
func (g *Gauge) Dec() { g.Add(-1) }

// Histogram counts values by size. A nil Histogram counts nothing. Safe for concurrent use.
type Histogram struct {
	prom prometheus.Observer
}

// Histogram returns the histogram called name. buckets are upper bounds in increasing order, each
// of which costs a time series; at least one.
func (r *Registry) Histogram(name, help string, buckets ...float64) *Histogram {
	if r == nil {
		return nil
	}
	s := spec{kind: "histogram", help: help, buckets: slices.Clone(buckets)}
	return obtain(r, name, s, func() (*Histogram, prometheus.Collector) {
		h := prometheus.NewHistogram(histogramOpts(name, help, buckets))
		return &Histogram{h}, h
	})
}

// Observe counts the value v.
func (h *Histogram) Observe(v float64) {
	if h != nil {
		h.prom.Observe(v)
	}
}

// ObserveSince counts the time since start, in seconds.
func (h *Histogram) ObserveSince(start time.Time) {
	if h != nil {
		h.prom.Observe(time.Since(start).Seconds())
	}
}

// Durations returns a histogram of times in seconds, from a millisecond to an hour and a half: what a
// session, a delivery or a filter may take. By custom name ends in "_seconds".
func (r *Registry) Durations(name, help string) *Histogram {
	return r.Histogram(name, help, durations()...)
}

// Sizes returns a histogram of sizes in bytes, from 1 KiB to 1 GiB: what a message may have. By
// custom name ends in "_bytes".
func (r *Registry) Sizes(name, help string) *Histogram {
	return r.Histogram(name, help, sizes()...)
}

func durations() []float64 { return prometheus.ExponentialBuckets(0.001, 3, 15) }

func sizes() []float64 { return prometheus.ExponentialBuckets(1<<10, 4, 11) }

func histogramOpts(name, help string, buckets []float64) prometheus.HistogramOpts {
	if len(buckets) == 0 {
		panic("metric: " + name + " has no buckets")
	}
	return prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}
}

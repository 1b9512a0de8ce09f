package metric

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// funcMetric is a metric whose value is asked for when it is shown.
type funcMetric struct {
	value atomic.Pointer[func() float64]
}

// snapshot is a family whose sets are asked for when it is shown.
type snapshot struct {
	desc        *prometheus.Desc
	as          prometheus.ValueType
	labels, max int
	collect     atomic.Pointer[func(add func(value float64, values ...string))]
}

func (f *funcMetric) read() float64 { return (*f.value.Load())() }

// GaugeFunc shows what value returns at the moment of a scrape, under name. When the metric exists,
// value takes the place of the function that was there: the last owner counts. value is called
// from other goroutines, must be quick and must not call the Registry.
func (r *Registry) GaugeFunc(name, help string, value func() float64) {
	r.function("gauge function", name, help, value, func(read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	})
}

// CounterFunc is GaugeFunc for a number that only grows, kept by somebody else.
func (r *Registry) CounterFunc(name, help string, value func() float64) {
	r.function("counter function", name, help, value, func(read func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read)
	})
}

func (r *Registry) function(kind, name, help string, value func() float64,
	collector func(read func() float64) prometheus.Collector) {
	if r == nil {
		return
	}
	f := obtain(r, name, spec{kind: kind, help: help}, func() (*funcMetric, prometheus.Collector) {
		f := new(funcMetric)
		// Set before it is registered: a scrape may come at once.
		f.value.Store(&value)
		return f, collector(f.read)
	})
	f.value.Store(&value)
}

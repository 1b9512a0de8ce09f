package metric

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Other is the value that all labels have in the set that stands for those beyond the bound.
const Other = "other"

const (
	maxLabels     = 4
	maxLabelBytes = 128
)

// Vec is a family of instruments of one name, told apart by their labels, of bounded size. A nil
// Vec gives nil instruments. Safe for concurrent use.
type Vec[I any] struct {
	name   string
	labels int
	max    int
	build  func(values []string) *I

	mu    sync.RWMutex
	sets  map[labelSet]*I // at most max
	other *I              // nil until somebody needs it
}

// labelSet is a key that is made without allocating; unused places are "".
type labelSet [maxLabels]string

// The families there are.
type (
	CounterVec   = Vec[Counter]
	GaugeVec     = Vec[Gauge]
	HistogramVec = Vec[Histogram]
)

// CounterVec returns the family of counters called name, with one to four labels and at most max
// label sets besides the one of Other. For a family that exists, the max it was made with holds.
func (r *Registry) CounterVec(name, help string, max int, labels ...string) *CounterVec {
	if r == nil {
		return nil
	}
	s := spec{kind: "counters", help: help, labels: slices.Clone(labels)}
	return obtain(r, name, s, func() (*CounterVec, prometheus.Collector) {
		p := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		return newVec(name, max, labels, func(values []string) *Counter {
			return &Counter{p.WithLabelValues(values...)}
		}), p
	})
}

// GaugeVec returns the family of gauges called name; see CounterVec. What is set under Other is the
// last value that any of its many owners set.
func (r *Registry) GaugeVec(name, help string, max int, labels ...string) *GaugeVec {
	if r == nil {
		return nil
	}
	s := spec{kind: "gauges", help: help, labels: slices.Clone(labels)}
	return obtain(r, name, s, func() (*GaugeVec, prometheus.Collector) {
		p := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		return newVec(name, max, labels, func(values []string) *Gauge {
			return &Gauge{p.WithLabelValues(values...)}
		}), p
	})
}

// HistogramVec returns the family of histograms called name; see CounterVec and Histogram. Each
// label set costs as many time series as there are buckets, and three more.
func (r *Registry) HistogramVec(name, help string, buckets []float64, max int, labels ...string) *HistogramVec {
	if r == nil {
		return nil
	}
	s := spec{kind: "histograms", help: help, labels: slices.Clone(labels), buckets: slices.Clone(buckets)}
	return obtain(r, name, s, func() (*HistogramVec, prometheus.Collector) {
		p := prometheus.NewHistogramVec(histogramOpts(name, help, buckets), labels)
		return newVec(name, max, labels, func(values []string) *Histogram {
			return &Histogram{p.WithLabelValues(values...)}
		}), p
	})
}

// DurationsVec is HistogramVec with the buckets of Durations.
func (r *Registry) DurationsVec(name, help string, max int, labels ...string) *HistogramVec {
	return r.HistogramVec(name, help, durations(), max, labels...)
}

func newVec[I any](name string, max int, labels []string, build func([]string) *I) *Vec[I] {
	if len(labels) < 1 || len(labels) > maxLabels || max < 1 {
		panic(fmt.Sprintf("metric: %s has %d labels and %d label sets at most; it takes 1 to %d labels and at least 1 set",
			name, len(labels), max, maxLabels))
	}
	return &Vec[I]{name: name, labels: len(labels), max: max, build: build, sets: make(map[labelSet]*I)}
}

// With returns the instrument for the label values, in the order of the labels: its own while there
// is room, else the one of Other. Values longer than 128 bytes are cut, and what is not UTF-8 in
// them becomes "?". The result stays valid for ever: keep it where the values are known beforehand.
func (v *Vec[I]) With(values ...string) *I {
	if v == nil {
		return nil
	}
	if len(values) != v.labels {
		panic(fmt.Sprintf("metric: %s has %d labels and got %d values", v.name, v.labels, len(values)))
	}
	var key labelSet
	for i, value := range values {
		key[i] = value[:min(len(value), maxLabelBytes)]
	}
	v.mu.RLock()
	found, ok := v.sets[key]
	full, other := len(v.sets) >= v.max, v.other
	v.mu.RUnlock()
	switch {
	case ok:
		return found
	case full && other != nil:
		return other
	}
	return v.add(key)
}

// add makes the instrument for key if there is still room, or the one of Other.
func (v *Vec[I]) add(key labelSet) *I {
	values := make([]string, v.labels)
	for i := range values {
		// A copy: the value may be a piece of something large.
		key[i] = strings.Clone(key[i])
		values[i] = strings.ToValidUTF8(key[i], "?")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if found, ok := v.sets[key]; ok {
		return found
	}
	if len(v.sets) < v.max {
		own := v.build(values)
		v.sets[key] = own
		return own
	}
	if v.other == nil {
		v.other = v.build(slices.Repeat([]string{Other}, v.labels))
	}
	return v.other
}

package metric

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Snapshot shows, at the moment of a scrape, what collect tells of: one gauge per label set, at most max
// of them, those told of first. Sets that are not told of any more are gone, so it is the family for what
// comes and goes, as destinations do. When the metric exists, collect takes the place of the function
// that was there. collect is called from other goroutines, by one at a time for each scrape, must be
// quick and must not call the Registry; values are treated as those of With, and a set that was told of
// before is passed over.
func (r *Registry) Snapshot(name, help string, max int, labels []string, collect func(add func(value float64, values ...string))) {
	r.snapshot("snapshot", prometheus.GaugeValue, name, help, max, labels, collect)
}

// CounterSnapshot is Snapshot for numbers that only grow and begin at 0 again when their owner is made
// anew.
func (r *Registry) CounterSnapshot(name, help string, max int, labels []string, collect func(add func(value float64, values ...string))) {
	r.snapshot("counter snapshot", prometheus.CounterValue, name, help, max, labels, collect)
}

func (r *Registry) snapshot(kind string, as prometheus.ValueType, name, help string, max int, labels []string,
	collect func(add func(value float64, values ...string))) {
	if r == nil {
		return
	}
	s := obtain(r, name, spec{kind: kind, help: help, labels: labels}, func() (*snapshot, prometheus.Collector) {
		s := &snapshot{desc: prometheus.NewDesc(name, help, labels, nil), as: as, labels: len(labels), max: max}
		s.collect.Store(&collect)
		return s, s
	})
	s.collect.Store(&collect)
}

// Describe is for the library.
func (s *snapshot) Describe(to chan<- *prometheus.Desc) { to <- s.desc }

// Collect is for the library.
func (s *snapshot) Collect(to chan<- prometheus.Metric) {
	seen := map[string]bool{}
	(*s.collect.Load())(func(value float64, values ...string) {
		if len(values) != s.labels || len(seen) >= s.max {
			return
		}
		clean := slices.Clone(values)
		for i, v := range clean {
			clean[i] = strings.ToValidUTF8(v[:min(len(v), maxLabelBytes)], "?")
		}
		if key := strings.Join(clean, "\x00"); !seen[key] {
			seen[key] = true
			to <- prometheus.MustNewConstMetric(s.desc, s.as, value, clean...)
		}
	})
}

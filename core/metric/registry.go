package metric

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes is how many requests for /metrics are served at once; further ones get a 503.
const maxScrapes = 4

// Registry holds the metrics of one daemon. Safe for concurrent use; a nil Registry makes nil
// instruments.
type Registry struct {
	prom *prometheus.Registry

	mu     sync.Mutex
	byName map[string]made
}

// made is a metric that exists, and the way it was asked for.
type made struct {
	spec   spec
	metric any // *Counter, *CounterVec, … or *funcMetric
}

// spec is what must be equal for two metrics of one name to be the same.
type spec struct {
	kind    string
	help    string
	labels  []string
	buckets []float64
}

func (s spec) equal(o spec) bool {
	return s.kind == o.kind && s.help == o.help &&
		slices.Equal(s.labels, o.labels) && slices.Equal(s.buckets, o.buckets)
}

// New returns a registry that holds what the Go runtime and the operating system tell about this
// process, and nothing else yet.
func New() *Registry {
	r := &Registry{prom: prometheus.NewRegistry(), byName: make(map[string]made)}
	r.prom.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler returns what serves /metrics: the text format of Prometheus, compressed with gzip if the
// client takes that. A metric that cannot be collected does not keep the others from being shown.
func (r *Registry) Handler() http.Handler {
	if r == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(r.prom, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
	})
}

// obtain returns the metric called name: the one that exists, or the one that build makes and
// that is registered then.
func obtain[M any](r *Registry, name string, s spec, build func() (M, prometheus.Collector)) M {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.byName[name]; ok {
		m, same := old.metric.(M)
		if !same || !old.spec.equal(s) {
			panic(fmt.Sprintf("metric: %s exists as %+v and was asked for as %+v", name, old.spec, s))
		}
		return m
	}
	m, collector := build()
	r.prom.MustRegister(collector)
	r.byName[name] = made{s, m}
	return m
}

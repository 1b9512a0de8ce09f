package metric_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/metric"
)

// scrape returns what /metrics shows, without comments.
func scrape(t *testing.T, m *metric.Registry) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// series returns the lines about names that begin with prefix, joined by "|".
func series(t *testing.T, m *metric.Registry, prefix string) string {
	t.Helper()
	var found []string
	for _, line := range scrape(t, m) {
		if strings.HasPrefix(line, prefix) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "|")
}

func TestInstrumentsShowWhatTheyCounted(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(m *metric.Registry)
		want string
	}{
		{"a counter adds up", func(m *metric.Registry) {
			c := m.Counter("x_total", "h")
			c.Inc()
			c.Add(41)
		}, "x_total 42"},
		{"a counter that was never moved shows 0", func(m *metric.Registry) { m.Counter("x_total", "h") }, "x_total 0"},
		{"a counter takes all that was counted at once", func(m *metric.Registry) { m.Counter("x_total", "h").Add(1 << 40) }, "x_total 1.099511627776e+12"},
		{"a gauge goes up and down", func(m *metric.Registry) {
			g := m.Gauge("x", "h")
			g.Set(10)
			g.Inc()
			g.Dec()
			g.Add(-2.5)
		}, "x 7.5"},
		{"a histogram counts by size", func(m *metric.Registry) {
			h := m.Histogram("x", "h", 1, 10)
			h.Observe(1)
			h.Observe(5)
			h.Observe(50)
		}, `x_bucket{le="1"} 1|x_bucket{le="10"} 2|x_bucket{le="+Inf"} 3|x_sum 56|x_count 3`},
		{"a histogram of times counts seconds", func(m *metric.Registry) {
			m.Histogram("x", "h", 3600).ObserveSince(time.Now().Add(time.Hour + time.Minute))
		}, `x_bucket{le="3600"} 1|x_bucket{le="+Inf"} 1|x_sum -36…`},
		{"a family counts by label", func(m *metric.Registry) {
			v := m.CounterVec("x_total", "h", 8, "transport", "status")
			v.With("smtp", "sent").Inc()
			v.With("smtp", "deferred").Add(2)
			v.With("smtp", "sent").Inc()
		}, `x_total{status="deferred",transport="smtp"} 2|x_total{status="sent",transport="smtp"} 2`},
		{"a family of gauges", func(m *metric.Registry) { m.GaugeVec("x", "h", 8, "state").With("hold").Set(3) }, `x{state="hold"} 3`},
		{"a family of histograms", func(m *metric.Registry) {
			m.HistogramVec("x", "h", []float64{1}, 8, "plugin").With("spf").Observe(2)
		}, `x_bucket{plugin="spf",le="1"} 0|x_bucket{plugin="spf",le="+Inf"} 1|x_sum{plugin="spf"} 2|x_count{plugin="spf"} 1`},
		{"a function is asked", func(m *metric.Registry) { m.GaugeFunc("x", "h", func() float64 { return 4 }) }, "x 4"},
		{"so is one that counts", func(m *metric.Registry) { m.CounterFunc("x_total", "h", func() float64 { return 5 }) }, "x_total 5"},
		{"the last function counts", func(m *metric.Registry) {
			m.GaugeFunc("x", "h", func() float64 { return 4 })
			m.GaugeFunc("x", "h", func() float64 { return 6 })
		}, "x 6"},
		{"asking again gives the same counter", func(m *metric.Registry) {
			m.Counter("x_total", "h").Inc()
			m.Counter("x_total", "h").Inc()
		}, "x_total 2"},
		{"asking again gives the same family, with the bound it had", func(m *metric.Registry) {
			m.CounterVec("x_total", "h", 1, "a").With("1").Inc()
			m.CounterVec("x_total", "h", 9, "a").With("2").Inc()
		}, `x_total{a="1"} 1|x_total{a="other"} 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := metric.New()
			c.do(m)
			got := series(t, m, "x")
			if begin, more := strings.CutSuffix(c.want, "…"); got != c.want && !(more && strings.HasPrefix(got, begin)) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestASnapshotShowsWhatIsThereNow(t *testing.T) {
	m := metric.New()
	now := []string{"a", "a", "b\xff", "c", "d"}
	m.Snapshot("x_now", "What is there.", 3, []string{"site"}, func(add func(float64, ...string)) {
		add(9, "one", "too many")
		for i, s := range now {
			add(float64(i), s)
		}
	})
	for site, want := range map[string]string{"a": `x_now{site="a"} 0`, "b": `x_now{site="b?"} 2`, "c": `x_now{site="c"} 3`} {
		if got := series(t, m, `x_now{site="`+site); got != want {
			t.Errorf("%s: got %q, want %q", site, got, want)
		}
	}
	if got := strings.Join(scrape(t, m), "\n"); strings.Contains(got, `site="d"`) || strings.Contains(got, "too many") {
		t.Errorf("more than the bound, or a wrong set, is shown:\n%s", got)
	}
	now = []string{"e"}
	if got := strings.Join(scrape(t, m), "\n"); strings.Contains(got, `site="a"`) || !strings.Contains(got, `x_now{site="e"} 0`) {
		t.Errorf("what is gone is shown, or what came is not:\n%s", got)
	}
}

func TestACounterSnapshotIsShownAsACounter(t *testing.T) {
	m := metric.New()
	n := 3.0
	m.CounterSnapshot("x_total", "What was done.", 3, []string{"site"}, func(add func(float64, ...string)) { add(n, "a") })
	n = 4
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if got := w.Body.String(); !strings.Contains(got, "# TYPE x_total counter\nx_total{site=\"a\"} 4\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestFamiliesAreBounded(t *testing.T) {
	m := metric.New()
	v := m.CounterVec("x_total", "h", 3, "domain", "code")
	for i := range 1000 {
		v.With(fmt.Sprintf("d%d.test", i), "250").Inc()
	}
	want := `x_total{code="250",domain="d0.test"} 1|x_total{code="250",domain="d1.test"} 1|x_total{code="250",domain="d2.test"} 1|x_total{code="other",domain="other"} 997`
	if got := series(t, m, "x_total"); got != want {
		t.Errorf("got %s", got)
	}
	own, beyond := v.With("d1.test", "250"), v.With("d7.test", "1")
	if own != v.With("d1.test", "250") || beyond != v.With("d8.test", "2") || own == beyond {
		t.Error("the same labels gave different instruments, or those beyond the bound do not share one")
	}
}

func TestHostileLabelValues(t *testing.T) {
	m := metric.New()
	v := m.CounterVec("x_total", "h", 10, "a")
	for _, value := range []string{"", "a\"b\n{}", "bad\xff\xfeutf8", strings.Repeat("é", 100), strings.Repeat("x", 1<<20)} {
		v.With(value).Inc()
	}
	got := series(t, m, "x_total")
	for _, want := range []string{`{a=""} 1`, `{a="a\"b\n{}"} 1`, `{a="bad?utf8"} 1`, `{a="` + strings.Repeat("é", 64) + `"} 1`, `{a="` + strings.Repeat("x", 128) + `"} 1`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
}

func TestNilCountsNothing(t *testing.T) {
	var m *metric.Registry
	m.Counter("x_total", "h").Inc()
	m.Counter("x_total", "h").Add(1)
	m.Gauge("x", "h").Set(1)
	m.Gauge("x", "h").Inc()
	m.Gauge("x", "h").Dec()
	m.Histogram("x", "h").Observe(1)
	m.Durations("x", "h").ObserveSince(time.Now())
	m.Sizes("x", "h").Observe(1)
	m.CounterVec("x_total", "h", 1, "a").With("b").Inc()
	m.GaugeVec("x", "h", 1, "a").With("b").Add(1)
	m.DurationsVec("x", "h", 1, "a").With("b", "too many").Observe(1)
	m.GaugeFunc("x", "h", func() float64 { t.Error("asked"); return 0 })
	m.CounterFunc("x", "h", func() float64 { t.Error("asked"); return 0 })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}

func TestMistakesPanicWhenTheMetricIsMade(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(m *metric.Registry)
	}{
		{"a name taken by another kind", func(m *metric.Registry) { m.Gauge("taken_total", "h") }},
		{"the same name with another help", func(m *metric.Registry) { m.Counter("taken_total", "other help") }},
		{"the same name with other labels", func(m *metric.Registry) {
			m.CounterVec("x_total", "h", 1, "a")
			m.CounterVec("x_total", "h", 1, "b")
		}},
		{"the same name with other buckets", func(m *metric.Registry) {
			m.Histogram("x", "h", 1)
			m.Histogram("x", "h", 2)
		}},
		{"a name that is none", func(m *metric.Registry) { m.Counter("", "h") }},
		{"a family without labels", func(m *metric.Registry) { m.CounterVec("x_total", "h", 1) }},
		{"a family of five labels", func(m *metric.Registry) { m.CounterVec("x_total", "h", 1, "a", "b", "c", "d", "e") }},
		{"a family without room", func(m *metric.Registry) { m.CounterVec("x_total", "h", 0, "a") }},
		{"too few label values", func(m *metric.Registry) { m.CounterVec("x_total", "h", 1, "a", "b").With("1") }},
		{"too many label values", func(m *metric.Registry) { m.CounterVec("x_total", "h", 1, "a").With("1", "2") }},
		{"a histogram without buckets", func(m *metric.Registry) { m.Histogram("x", "h") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := metric.New()
			m.Counter("taken_total", "h").Inc()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
				if got := series(t, m, "taken_total"); got != "taken_total 1" {
					t.Errorf("afterwards: %s", got)
				}
			}()
			c.do(m)
		})
	}
}

func TestRuntimeAndProcessAreShown(t *testing.T) {
	m := metric.New()
	for _, name := range []string{"go_goroutines ", "go_memstats_heap_alloc_bytes ", "process_start_time_seconds ", "process_resident_memory_bytes "} {
		if series(t, m, name) == "" {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestRegistriesKnowNothingOfEachOther(t *testing.T) {
	a, b := metric.New(), metric.New()
	a.Counter("x_total", "h").Inc()
	b.Gauge("x_total", "another kind")
	if got := series(t, a, "x_total") + " " + series(t, b, "x_total"); got != "x_total 1 x_total 0" {
		t.Errorf("got %s", got)
	}
}

func TestHandlerSpeaksPrometheusAndGzip(t *testing.T) {
	m := metric.New()
	m.Counter("x_total", "What x counts.").Inc()
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept-Encoding", "zstd, gzip")
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", ct)
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(text), "# HELP x_total What x counts.\n# TYPE x_total counter\nx_total 1\n") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestBucketsCoverWhatMailTakes(t *testing.T) {
	m := metric.New()
	m.Durations("t_seconds", "h").Observe(0)
	m.Sizes("s_bytes", "h").Observe(0)
	for prefix, want := range map[string][2]string{"t_seconds_bucket": {`le="0.001"`, `le="4782.969`}, "s_bytes_bucket": {`le="1024"`, `le="1.073741824e+09"`}} {
		got := series(t, m, prefix)
		if !strings.Contains(got, want[0]) || !strings.Contains(got, want[1]) {
			t.Errorf("%s", got)
		}
	}
}

func TestEverybodyAtOnce(t *testing.T) {
	m := metric.New()
	v := m.CounterVec("x_total", "h", 5, "a")
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range 500 {
				v.With(fmt.Sprint(i % 10)).Inc()
				m.Counter("y_total", "h").Inc()
				m.GaugeFunc("z", "h", func() float64 { return 1 })
			}
		})
	}
	workers.Go(func() {
		for range 20 {
			m.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil))
		}
	})
	workers.Wait()
	if got := series(t, m, "y_total"); got != "y_total 4000" {
		t.Errorf("got %s", got)
	}
	total, lines := 0, strings.Split(series(t, m, "x_total"), "|")
	for _, line := range lines {
		var n int
		if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != 4000 || len(lines) != 6 {
		t.Errorf("%d in %d series", total, len(lines))
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	m := metric.New()
	c, g, h := m.Counter("c_total", "h"), m.Gauge("g", "h"), m.Durations("h_seconds", "h")
	v := m.CounterVec("v_total", "h", 1, "a", "b")
	domain, code := "example.test", "250"
	v.With(domain, code)
	v.With("no", "room")
	start := time.Now()
	n := testing.AllocsPerRun(100, func() {
		c.Inc()
		c.Add(4096)
		g.Inc()
		g.Set(3)
		h.Observe(0.2)
		h.ObserveSince(start)
		v.With(domain, code).Inc()
		v.With("beyond", "the bound").Inc()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCounterInc(b *testing.B) {
	c := metric.New().Counter("c_total", "h")
	b.ReportAllocs()
	for b.Loop() {
		c.Inc()
	}
}

func BenchmarkVecWith(b *testing.B) {
	v := metric.New().CounterVec("v_total", "h", 10, "a", "b")
	b.ReportAllocs()
	for b.Loop() {
		v.With("smtp", "sent").Inc()
	}
}

func BenchmarkHistogramObserve(b *testing.B) {
	h := metric.New().Durations("h_seconds", "h")
	b.ReportAllocs()
	for b.Loop() {
		h.Observe(0.01)
	}
}

package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/mtad/mtad/cmd/mtad/dev/sink"
	"github.com/mtad/mtad/cmd/mtad/dev/source"
)

// Limit bounds one run.
const Limit = 2 * time.Minute

// Options of Run.
type Options struct {
	// Program is the mtad to measure.
	Program string
	// Rounds is how often each workload runs; the medians are shown.
	Rounds int
	// Filter is a Wasm module for the workload with a filter; "" leaves that out.
	Filter string
	// Only names one workload; "" is all.
	Only string
}

// workload is one kind of load.
type workload struct {
	name, what     string
	n, size, c     int
	reuse, filters bool
}

var workloads = []workload{
	{name: "new", what: "4 KiB, a connection per message, 20 sessions", n: 4000, size: 4096, c: 20},
	{name: "reuse", what: "4 KiB, connections reused, 20 sessions", n: 8000, size: 4096, c: 20, reuse: true},
	{name: "many", what: "4 KiB, a connection per message, 100 sessions", n: 4000, size: 4096, c: 100},
	{name: "50k", what: "50 KiB, a connection per message, 20 sessions", n: 2000, size: 50 << 10, c: 20},
	{name: "1m", what: "1 MiB, a connection per message, 4 sessions", n: 200, size: 1 << 20, c: 4},
	{name: "filter", what: "as \"new\", with one Wasm filter at eom", n: 4000, size: 4096, c: 20, filters: true},
}

// result is what one run measured.
type result struct {
	rate, mbPerSecond, cpuMS float64
	rssMiB                   float64
	p99                      float64
}

// Run measures the workloads and writes a table.
func Run(ctx context.Context, w io.Writer, o Options) error {
	fmt.Fprintf(w, "%-8s %10s %8s %10s %9s %8s   %s\n", "", "relayed/s", "MB/s", "CPU ms/msg", "peak MiB", "p99 ms", "workload")
	for _, wl := range workloads {
		if o.Only != "" && o.Only != wl.name || wl.filters && o.Filter == "" {
			continue
		}
		var all []result
		for range max(o.Rounds, 1) {
			r, err := wl.run(ctx, o)
			if err != nil {
				return fmt.Errorf("%s: %w", wl.name, err)
			}
			all = append(all, r)
		}
		med := func(f func(result) float64) float64 {
			v := make([]float64, len(all))
			for i, r := range all {
				v[i] = f(r)
			}
			slices.Sort(v)
			return v[len(v)/2]
		}
		fmt.Fprintf(w, "%-8s %10.0f %8.1f %10.3f %9.0f %8.1f   %s\n", wl.name, med(func(r result) float64 { return r.rate }),
			med(func(r result) float64 { return r.mbPerSecond }), med(func(r result) float64 { return r.cpuMS }),
			med(func(r result) float64 { return r.rssMiB }), med(func(r result) float64 { return r.p99 }), wl.what)
	}
	return nil
}

// run measures one workload once.
func (wl workload) run(ctx context.Context, o Options) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	s := sink.New(sink.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	served := make(chan error, 1)
	sctx, stopSink := context.WithCancel(ctx)
	go func() { served <- s.Serve(sctx, l) }()
	defer func() {
		stopSink()
		<-served
	}()
	d, err := start(ctx, o.Program, l.Addr().(*net.TCPAddr).Port, wl.toml(o.Filter))
	if err != nil {
		return r, err
	}
	defer d.stop()
	if _, err := wl.load(ctx, d, s, max(wl.n/10, wl.c), "warm"); err != nil {
		return r, err
	}
	s.Reset()
	cpu, begun := d.cpu(), time.Now()
	res, err := wl.load(ctx, d, s, wl.n, "load")
	if err != nil {
		return r, err
	}
	took := time.Since(begun).Seconds()
	r = result{rate: float64(wl.n) / took, mbPerSecond: float64(wl.n) * float64(wl.size) / took / 1e6,
		cpuMS: (d.cpu() - cpu).Seconds() * 1000 / float64(wl.n), rssMiB: float64(d.rssKiB()) / 1024, p99: res.P99}
	return r, check(s.Counts(), wl.n)
}

// load sends n messages and waits until the sink has them all.
func (wl workload) load(ctx context.Context, d *daemon, s *sink.Sink, n int, tag string) (source.Result, error) {
	res, err := source.Run(ctx, source.Options{Network: "tcp", Addr: d.addr, Messages: n, Sessions: wl.c, Size: wl.size,
		Reuse: wl.reuse, From: "a@source.invalid", Rcpt: "b@sink.invalid", Tag: tag, Timeout: Limit})
	if err != nil {
		return res, err
	}
	if res.Accepted != n {
		return res, fmt.Errorf("%d of %d messages were accepted", res.Accepted, n)
	}
	return res, s.Wait(ctx, n)
}

func check(c sink.Counts, n int) error {
	if c.Unique != n || c.Duplicates != 0 {
		return fmt.Errorf("%d of %d messages arrived, %d of them twice", c.Unique, n, c.Duplicates)
	}
	return nil
}

// toml is the plugin of the workload.
func (wl workload) toml(filter string) string {
	if !wl.filters {
		return ""
	}
	return fmt.Sprintf("[[plugin]]\nname = \"filter\"\nwasm = %q\nallow = [\"edit\"]\n[plugin.config]\nwords = "+
		"\"viagra casino lottery pills loan winner rolex crypto bitcoin prince inheritance jackpot xanax cialis porn escort forex mlm weightloss debt\"\n", filter)
}

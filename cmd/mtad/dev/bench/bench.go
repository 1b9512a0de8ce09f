package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
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
	// Filter is a Wasm module for the workload with a filter; "" leaves that out. Hostile is the
	// same for the workloads with guests that mean harm.
	Filter, Hostile string
	// Only names one workload; "" is all.
	Only string
}

// workload is one kind of load.
type workload struct {
	name, what     string
	n, size, c     int
	reuse, filters bool
	hostile        string // what hostile guests do to the messages of a second stream; "" is none
	dead           int    // messages that wait for a next hop that is down
	beside         string // the workload that it is compared with
}

var workloads = []workload{
	{name: "new", what: "4 KiB, a connection per message, 20 sessions", n: 4000, size: 4096, c: 20},
	{name: "reuse", what: "4 KiB, connections reused, 20 sessions", n: 8000, size: 4096, c: 20, reuse: true},
	{name: "many", what: "4 KiB, a connection per message, 100 sessions", n: 4000, size: 4096, c: 100},
	{name: "50k", what: "50 KiB, a connection per message, 20 sessions", n: 2000, size: 50 << 10, c: 20},
	{name: "1m", what: "1 MiB, a connection per message, 4 sessions", n: 200, size: 1 << 20, c: 4},
	{name: "filter", what: "as \"new\", with one Wasm filter at eom", n: 4000, size: 4096, c: 20, filters: true, beside: "new"},
	{name: "live", what: "as \"new\", more of it", n: 12000, size: 4096, c: 20},
	{name: "deadhop", what: "the same, while 10,000 messages wait for a next hop that is down", n: 12000, size: 4096, c: 20, dead: 10000, beside: "live"},
	{name: "calm", what: "as \"new\", beside a stream of mail to guests that do nothing", n: 8000, size: 4096, c: 20, hostile: "calm"},
	{name: "hostile", what: "the same, and the guests are hostile to that stream", n: 8000, size: 4096, c: 20, hostile: "hostile", beside: "calm"},
}

// result is what one run measured.
type result struct {
	rate, mbPerSecond, cpuMS float64
	rssMiB                   float64
	p99                      float64
}

// Run measures the workloads, round by round, and writes a table of the medians.
func Run(ctx context.Context, w io.Writer, o Options) error {
	for _, file := range []*string{&o.Filter, &o.Hostile} {
		if *file == "" {
			continue
		}
		path, err := filepath.Abs(*file) // the daemon reads it from its own directory
		if err != nil {
			return err
		}
		*file = path
	}
	all := map[string][]result{}
	for range max(o.Rounds, 1) {
		for _, wl := range workloads {
			if !wl.wanted(o) {
				continue
			}
			r, err := wl.run(ctx, o)
			if err != nil {
				return fmt.Errorf("%s: %w", wl.name, err)
			}
			all[wl.name] = append(all[wl.name], r)
		}
	}
	fmt.Fprintf(w, "%-8s %10s %8s %10s %9s %8s   %s\n", "", "relayed/s", "MB/s", "CPU ms/msg", "peak MiB", "p99 ms", "workload")
	for _, wl := range workloads {
		if all[wl.name] == nil {
			continue
		}
		m := medians(all[wl.name])
		fmt.Fprintf(w, "%-8s %10.0f %8.1f %10.3f %9.0f %8.1f   %s\n", wl.name, m.rate, m.mbPerSecond, m.cpuMS, m.rssMiB, m.p99, wl.what)
		if other := all[wl.beside]; other != nil {
			fmt.Fprintf(w, "%-8s %9.1f%%  of the messages/s of \"%s\"\n", "", 100*m.rate/medians(other).rate, wl.beside)
		}
	}
	return nil
}

// wanted reports whether the workload is to be run: one that is compared with it is enough.
func (wl workload) wanted(o Options) bool {
	if wl.filters && o.Filter == "" || wl.hostile != "" && o.Hostile == "" {
		return false
	}
	return o.Only == "" || o.Only == wl.name || slices.ContainsFunc(workloads, func(x workload) bool { return x.name == o.Only && x.beside == wl.name })
}

// medians takes the median of each column.
func medians(all []result) result {
	med := func(f func(result) float64) float64 {
		v := make([]float64, len(all))
		for i, r := range all {
			v[i] = f(r)
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return result{rate: med(func(r result) float64 { return r.rate }), mbPerSecond: med(func(r result) float64 { return r.mbPerSecond }),
		cpuMS: med(func(r result) float64 { return r.cpuMS }), rssMiB: med(func(r result) float64 { return r.rssMiB }),
		p99: med(func(r result) float64 { return r.p99 })}
}

// run measures one workload once.
func (wl workload) run(ctx context.Context, o Options) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	s, port, stopSink, err := startSink(ctx)
	if err != nil {
		return r, err
	}
	defer stopSink()
	second, secondPort, stopSecond, err := startSink(ctx) // of the stream that hostile guests meet
	if err != nil {
		return r, err
	}
	stopSecond = sync.OnceFunc(stopSecond)
	defer stopSecond()
	if wl.dead > 0 {
		stopSecond()
	}
	d, err := start(ctx, o.Program, port, secondPort, wl.toml(o))
	if err != nil {
		return r, err
	}
	defer d.stop()
	if wl.hostile != "" {
		defer d.trouble(ctx, second, &err)()
	}
	if err := wl.leaveWaiting(ctx, d); err != nil {
		return r, err
	}
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

// leaveWaiting sends the messages that nobody takes.
func (wl workload) leaveWaiting(ctx context.Context, d *daemon) error {
	if wl.dead == 0 {
		return nil
	}
	res, err := source.Run(ctx, source.Options{Network: "tcp", Addr: d.addr, Messages: wl.dead, Sessions: wl.c, Size: wl.size,
		Reuse: true, From: "a@source.invalid", Rcpt: victim, Tag: "dead", Timeout: Limit})
	if err == nil && res.Accepted != wl.dead {
		err = fmt.Errorf("%d of %d messages for the next hop that is down were accepted", res.Accepted, wl.dead)
	}
	return err
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

// startSink starts a sink on a port of its own.
func startSink(ctx context.Context) (s *sink.Sink, port int, stop func(), err error) {
	s = sink.New(sink.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, nil, err
	}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() { served <- s.Serve(ctx, l) }()
	return s, l.Addr().(*net.TCPAddr).Port, func() {
		cancel()
		<-served
	}, nil
}

// toml is the plugins of the workload.
func (wl workload) toml(o Options) string {
	switch {
	case wl.filters:
		return fmt.Sprintf("[[plugin]]\nname = \"filter\"\nwasm = %q\nallow = [\"edit\"]\n[plugin.config]\nwords = "+
			"\"viagra casino lottery pills loan winner rolex crypto bitcoin prince inheritance jackpot xanax cialis porn escort forex mlm weightloss debt\"\n", o.Filter)
	case wl.hostile != "":
		return hostileTOML(o.Hostile, wl.hostile == "hostile")
	}
	return ""
}

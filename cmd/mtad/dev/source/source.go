package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options of a run.
type Options struct {
	// Network and Addr are as in net.Dial.
	Network, Addr string
	// Messages is how many to send, Sessions how many at a time.
	Messages, Sessions int
	// Size is the length of a message in bytes, header included; at least that of the header.
	Size int
	// Reuse sends many messages per connection.
	Reuse bool
	// Pipeline sends MAIL, RCPT and DATA at once (RFC 2920).
	Pipeline bool
	// From and Rcpt are the envelope. Tag tells the Message-Ids of runs apart.
	From, Rcpt, Tag string
	// Timeout is for one reply.
	Timeout time.Duration
}

// Result is what a run measured.
type Result struct {
	// Accepted got 2xx, Refused 4xx or 5xx at any step, Lost lost its connection.
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
	Lost     int `json:"lost"`
	// Seconds is the time from the first connection to the last reply, Rate accepted
	// messages per second.
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"`
	// P50 and P99 are percentiles of the time for an accepted message, connection included.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	// CPU is what this process used, user and system.
	CPU float64 `json:"cpu_ms"`
	// Replies counts refusals and errors by their text, the first 20 of them.
	Replies map[string]int `json:"replies,omitempty"`
}

const maxReplies = 20

// run is the state that sessions share.
type run struct {
	o    Options
	next atomic.Int64

	mu    sync.Mutex
	res   Result
	times []time.Duration
}

// Run sends the messages, until they are sent or ctx ends.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Messages < 1 || o.Sessions < 1 {
		return Result{}, errors.New("at least one message and one session, please")
	}
	r := &run{o: o, res: Result{Replies: map[string]int{}}}
	cpu, start := cpuTime(), time.Now()
	var wg sync.WaitGroup
	for range min(o.Sessions, o.Messages) {
		wg.Go(func() { r.session(ctx) })
	}
	wg.Wait()
	r.finish(time.Since(start), cpuTime()-cpu)
	return r.res, ctx.Err()
}

// session sends messages until none is left.
func (r *run) session(ctx context.Context) {
	s := newSession(&r.o)
	defer s.hangUp()
	stop := context.AfterFunc(ctx, s.interrupt)
	defer stop()
	var times []time.Duration
	for ctx.Err() == nil {
		i := r.next.Add(1)
		if i > int64(r.o.Messages) {
			break
		}
		begin := time.Now()
		if err := s.send(ctx, i); err != nil {
			r.failed(err)
		} else {
			times = append(times, time.Since(begin))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = append(r.times, times...)
}

// failed counts a message that was not accepted.
func (r *run) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var no *refusal
	if errors.As(err, &no) {
		r.res.Refused++
	} else {
		r.res.Lost++
	}
	text := fmt.Sprintf("%.80s", err.Error())
	if r.res.Replies[text] > 0 || len(r.res.Replies) < maxReplies {
		r.res.Replies[text]++
	}
}

func (r *run) finish(wall, cpu time.Duration) {
	slices.Sort(r.times)
	r.res.Accepted = len(r.times)
	r.res.Seconds = wall.Seconds()
	r.res.Rate = float64(len(r.times)) / wall.Seconds()
	r.res.P50, r.res.P99 = percentile(r.times, 50), percentile(r.times, 99)
	r.res.CPU = ms(cpu)
}

// percentile returns the p-th percentile of sorted times in milliseconds, 0 of none.
func percentile(times []time.Duration, p int) float64 {
	if len(times) == 0 {
		return 0
	}
	return ms(times[min(len(times)*p/100, len(times)-1)])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

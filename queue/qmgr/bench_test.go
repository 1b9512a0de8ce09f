package qmgr_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// nullStore has nothing, and forgets at once.
type nullStore struct{ queue.Store }

func (nullStore) Waiting(string, int) ([]string, error) { return nil, nil }
func (nullStore) Due(time.Time, int) ([]string, time.Time, error) {
	return nil, time.Time{}, nil
}
func (nullStore) Remove(string) error                       { return nil }
func (nullStore) Update(string, *queue.Record, []int) error { return nil }

// nullAgent sends everything at once, with one allocation; done is told of each message.
type nullAgent struct{ done chan<- struct{} }

func (a nullAgent) Deliver(_ context.Context, req *queue.Request) []queue.Result {
	rs := make([]queue.Result, len(req.Recipients))
	for i := range rs {
		rs[i].Outcome, rs[i].Relay = queue.Sent, "mx[192.0.2.1]:25"
		rs[i].Reply.Code, rs[i].Reply.Enhanced, rs[i].Reply.Text = 250, "2.0.0", "Ok: queued as 4F2A7C0"
	}
	a.done <- struct{}{}
	return rs
}

// BenchmarkAccepted is what the manager adds to a message on the way of most mail, from Accepted
// to the removal: resolve, schedule, log three lines.
func BenchmarkAccepted(b *testing.B) {
	for _, sites := range []int{1, 20, 1000} {
		b.Run(fmt.Sprintf("%d sites", sites), func(b *testing.B) { benchmarkAccepted(b, sites) })
	}
}

func benchmarkAccepted(b *testing.B, sites int) {
	const sessions, ahead = 20, 200
	done := make(chan struct{}, ahead)
	log := maillog.New(maillog.Options{Writer: io.Discard, Name: "postfix"})
	o := qmgr.Defaults()
	o.Store, o.Notifier = nullStore{}, struct{ queue.Notifier }{}
	o.Log = func(name string) *maillog.Service { return log.Service(name) }
	o.Resolver = resolverFunc(func(_ context.Context, r mail.Recipient) (queue.Route, error) {
		return queue.Route{Transport: "smtp", Nexthop: r.Original, Recipient: r.Address}, nil
	})
	o.Transports = map[string]qmgr.Transport{"smtp": qmgr.NewTransport(nullAgent{done})}
	m, err := qmgr.New(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); m.Run(ctx) }()
	entries := make([]*queue.Entry, b.N)
	for i := range entries {
		a := fmt.Sprintf("user@site%d.example", i%sites)
		entries[i] = &queue.Entry{Size: 4096, Envelope: mail.Envelope{ID: fmt.Sprintf("4F%06X", i), Sender: "sender@here.example",
			Arrived: time.Now(), Recipients: []mail.Recipient{{Address: a, Original: a}}}}
	}
	for !m.Stats(0).Running {
		runtime.Gosched()
	}
	b.ReportAllocs()
	b.ResetTimer()
	room := make(chan struct{}, ahead)
	var wg sync.WaitGroup
	for s := range sessions {
		wg.Go(func() {
			for i := s; i < len(entries); i += sessions {
				room <- struct{}{}
				m.Accepted(entries[i])
			}
		})
	}
	for range entries {
		<-done
		<-room
	}
	wg.Wait()
	b.StopTimer()
	cancel()
	<-ended
}

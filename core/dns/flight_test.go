package dns_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	wire "github.com/miekg/dns"

	"github.com/mtad/mtad/core/dns"
)

// held returns a net that answers each query with one MX once release is closed.
func held(t *testing.T, release <-chan struct{}) *fakeNet {
	return &fakeNet{serve: func(_, _ string, q *wire.Msg) *wire.Msg {
		<-release
		return replying(t, q, q.Question[0].Name+" 60 IN MX 10 mx.test.")
	}}
}

func TestCallersOfTheSameQuestionShareOneQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := held(t, release)
		r := newResolver(t, dns.Options{Servers: []string{"192.0.2.1"}, Dial: f.Dial})
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if mx, err := r.MX(t.Context(), "a.test"); err != nil || len(mx) != 1 {
					t.Errorf("got %v, %v", mx, err)
				}
			})
		}
		synctest.Wait()
		close(release)
		callers.Wait()
		if s := r.Stats(); s.Queries != 1 || s.Shared != 19 || s.Lookups != 20 {
			t.Errorf("%+v", s)
		}
	})
}

func TestCallerWhoGivesUpTakesNobodyAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := held(t, release)
		r := newResolver(t, dns.Options{Servers: []string{"192.0.2.1"}, Dial: f.Dial})
		pilotCtx, pilotGivesUp := context.WithCancel(t.Context())
		waiterCtx, waiterGivesUp := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		ask := func(who string, ctx context.Context, want error) {
			callers.Go(func() {
				_, err := r.MX(ctx, "a.test")
				if !errors.Is(err, want) || want != nil && dns.StatusOf(err) != dns.Failed {
					t.Errorf("%s: %v, want %v", who, err, want)
				}
			})
			synctest.Wait()
		}
		ask("the pilot", pilotCtx, context.Canceled)
		ask("a waiter who gives up", waiterCtx, context.Canceled)
		ask("a waiter who stays", t.Context(), nil)
		waiterGivesUp()
		synctest.Wait()
		pilotGivesUp()
		synctest.Wait() // the waiter who stays flies now
		close(release)
		callers.Wait()
		if s := r.Stats(); s.Queries != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestQueriesInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := held(t, release)
		r := newResolver(t, dns.Options{Servers: []string{"192.0.2.1"}, Dial: f.Dial, Parallel: 3})
		var callers sync.WaitGroup
		for i := range 10 {
			callers.Go(func() {
				if _, err := r.MX(t.Context(), fmt.Sprintf("d%d.test", i)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := len(f.dials()); n != 3 {
			t.Errorf("%d queries in flight", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		callers.Go(func() {
			if _, err := r.MX(ctx, "impatient.test"); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		callers.Wait()
		if n := len(f.dials()); n != 10 {
			t.Errorf("%d queries in all", n)
		}
	})
}

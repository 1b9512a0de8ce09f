package slots

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestACallWaitsForItsTurnAsLongAsThereIsHope(t *testing.T) {
	for name, c := range map[string]struct {
		hung  bool
		after time.Duration
	}{"others are at work": {false, MaxWait}, "others ran out of time": {true, HungWait}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := taken(t, 1)
				begun := time.Now()
				if c.hung {
					time.AfterFunc(HungWait/2, s.Hung)
				}
				if err := s.Take(t.Context()); err == nil || !strings.Contains(err.Error(), "within "+c.after.String()) || time.Since(begun) != c.after {
					t.Errorf("%v after %v, want after %v", err, time.Since(begun), c.after)
				}
				time.AfterFunc(5*HungWait, s.Give)
				if err := s.Take(t.Context()); err != nil {
					t.Errorf("a turn that comes: %v", err)
				}
			})
		})
	}
}

// taken are slots of which n, all, are taken.
func taken(t *testing.T, n int) *Slots {
	t.Helper()
	s := &Slots{}
	s.Init(n)
	for range n {
		if err := s.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestWhoWaitsLeavesWithItsContext(t *testing.T) {
	s := taken(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := s.Drain(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ended := make(chan struct{})
	close(ended)
	if err := s.Drain(t.Context(), ended); err != nil {
		t.Errorf("got %v", err)
	}
	s.Give()
	s.Give()
	if err := s.Drain(t.Context(), nil); err != nil {
		t.Errorf("got %v", err)
	}
}

package slots

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// MaxWait is how long a call waits for its turn, HungWait where others ran out of time.
const MaxWait, HungWait = 10 * time.Second, time.Second

// Slots are the turns. Call Init first. Safe for concurrent use.
type Slots struct {
	taken chan struct{}
	hung  atomic.Int64 // calls that ran out of time
}

// Init sets how many calls run at a time; at least 1.
func (s *Slots) Init(n int) { s.taken = make(chan struct{}, n) }

// Len is how many calls run at a time.
func (s *Slots) Len() int { return cap(s.taken) }

// Take takes a turn.
func (s *Slots) Take(ctx context.Context) error {
	select {
	case s.taken <- struct{}{}:
		return nil
	default:
		return s.wait(ctx)
	}
}

func (s *Slots) wait(ctx context.Context) error {
	begun, hung := time.Now(), s.hung.Load()
	t := time.NewTicker(HungWait)
	defer t.Stop()
	for {
		select {
		case s.taken <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			if waited := time.Since(begun); waited >= MaxWait || s.hung.Load() != hung {
				return fmt.Errorf("busy: %d calls run at a time, and this one had no turn within %v", s.Len(), waited.Round(HungWait))
			}
		}
	}
}

// Give gives a turn back.
func (s *Slots) Give() { <-s.taken }

// Hung notes that a call ran out of time.
func (s *Slots) Hung() { s.hung.Add(1) }

// Drain takes all turns for good, each as soon as it is given back; it stops waiting, without an error, when
// ended is closed.
func (s *Slots) Drain(ctx context.Context, ended <-chan struct{}) error {
	for range s.Len() {
		select {
		case s.taken <- struct{}{}:
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

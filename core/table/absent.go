package table

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// openAgain is how long an absent table is not tried again after it could not be opened.
const openAgain = 10 * time.Second

// absent stands for a table that could not be opened: lookups fail until it can be.
type absent struct {
	spec string
	open func() (Table, error)

	mu    sync.Mutex // guards all below; held while the table is opened
	table Table      // nil until it could be opened
	err   error
	next  time.Time // not tried again before
}

// newAbsent stands for the table that spec names, which could not be opened because of err.
func newAbsent(spec string, o Options, err error) Table {
	o.Absent, o.Shared = nil, nil
	return &absent{spec: spec, err: err, next: time.Now().Add(openAgain), open: func() (Table, error) { return Open(spec, o) }}
}

// Lookup asks the table once it can be opened.
func (a *absent) Lookup(ctx context.Context, key string) (string, bool, error) {
	t, err := a.get(time.Now())
	if err != nil {
		return "", false, err
	}
	return t.Lookup(ctx, key)
}

func (a *absent) get(now time.Time) (Table, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.table == nil && !now.Before(a.next) {
		a.next = now.Add(openAgain)
		a.table, a.err = a.open()
	}
	if a.table == nil {
		return nil, fmt.Errorf("not open: %w", a.err)
	}
	return a.table, nil
}

// Close closes the table if it was opened.
func (a *absent) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.table == nil {
		return nil
	}
	return Close(a.table)
}

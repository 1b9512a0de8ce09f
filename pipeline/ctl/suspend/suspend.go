package suspend

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// limit bounds the orders in force at a time.
const limit = 10000

// orders are the orders by nexthop. A map that was published is not changed.
type orders map[string]ctl.Suspension

// Table is the orders in force. Safe for concurrent use.
type Table struct {
	path string
	// now is read for each delivery without a lock.
	now atomic.Pointer[orders]

	mu sync.Mutex // held while the orders change
}

// Open reads the file at path, which need not be there.
func Open(path string) (*Table, error) {
	t := &Table{path: path}
	t.now.Store(&orders{})
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	var all []ctl.Suspension
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m := orders{}
	for _, s := range all {
		m[strings.ToLower(s.Nexthop)] = s
	}
	t.now.Store(&m)
	return t, nil
}

// Find returns the order for a destination, if there is one in force.
func (t *Table) Find(nexthop string) (ctl.Suspension, bool) {
	m := *t.now.Load()
	if len(m) == 0 {
		return ctl.Suspension{}, false
	}
	s, ok := m[strings.ToLower(nexthop)]
	return s, ok && inForce(&s)
}

func inForce(s *ctl.Suspension) bool { return s.Until.IsZero() || time.Now().Before(s.Until) }

// All returns the orders in force, by destination.
func (t *Table) All() []ctl.Suspension {
	all := []ctl.Suspension{}
	for _, s := range *t.now.Load() {
		if inForce(&s) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b ctl.Suspension) int { return cmp.Compare(a.Nexthop, b.Nexthop) })
	return all
}

// Suspend gives an order, in place of one for the same destination.
func (t *Table) Suspend(s ctl.Suspension) error {
	s.Nexthop = strings.ToLower(s.Nexthop)
	return t.change(func(m orders) error {
		if m[s.Nexthop] = s; len(m) > limit {
			return status.New(452, "4.3.1", "More than %d suspensions", limit)
		}
		return nil
	})
}

// Resume ends an order.
func (t *Table) Resume(nexthop string) error {
	nexthop = strings.ToLower(nexthop)
	return t.change(func(m orders) error {
		if _, ok := m[nexthop]; !ok {
			return queue.ErrNotFound
		}
		delete(m, nexthop)
		return nil
	})
}

// change does fn to a copy of the orders that are in force, writes it and publishes it.
func (t *Table) change(fn func(orders) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := maps.Clone(*t.now.Load())
	maps.DeleteFunc(m, func(_ string, s ctl.Suspension) bool { return !inForce(&s) })
	if err := fn(m); err != nil {
		return err
	}
	if err := t.write(m); err != nil {
		return err
	}
	t.now.Store(&m)
	return nil
}

// write replaces the file, synced.
func (t *Table) write(m orders) error {
	b, err := json.MarshalIndent(slices.SortedFunc(maps.Values(m), func(a, b ctl.Suspension) int {
		return cmp.Compare(a.Nexthop, b.Nexthop)
	}), "", "  ")
	if err != nil {
		return err
	}
	temp := t.path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, t.path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(t.path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// prefix begins the reason of mail that waits for a suspended destination.
func prefix(nexthop string) string {
	return "delivery to " + strings.ToLower(nexthop) + " is suspended"
}

// Waits reports whether an entry has a recipient that waits because the destination is, or was,
// suspended.
func Waits(nexthop string, r *queue.Record) bool {
	want := prefix(nexthop)
	for i := range r.Recipients {
		p := &r.Recipients[i]
		if rest, ok := strings.CutPrefix(p.Reply.Text, want); ok && !p.Outcome.Done() && (rest == "" || rest[0] == ':') {
			return true
		}
	}
	return false
}

// Agent returns an agent that heeds the table and leaves the rest to a.
func (t *Table) Agent(a queue.Agent) queue.Agent { return &agent{t: t, next: a} }

type agent struct {
	t    *Table
	next queue.Agent
}

var _ queue.Agent = (*agent)(nil)

// Deliver defers what goes to a suspended destination.
func (a *agent) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	s, ok := a.t.Find(req.Nexthop)
	if !ok {
		return a.next.Deliver(ctx, req)
	}
	text := prefix(s.Nexthop)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	now := time.Now()
	results := make([]queue.Result, len(req.Recipients))
	for i := range results {
		results[i] = queue.Result{Outcome: queue.Deferred4, Relay: "none", Begun: now,
			Reply: status.Reply{Code: 450, Enhanced: "4.3.2", Text: text}}
	}
	return results
}

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

// target is what an order is about.
type target struct{ nexthop, service string }

func targetOf(s *ctl.Suspension) target { return target{strings.ToLower(s.Nexthop), s.Service} }

// orders are the orders by target. A map that was published is not changed.
type orders map[target]ctl.Suspension

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
		m[targetOf(&s)] = s
	}
	t.now.Store(&m)
	return t, nil
}

// Find returns the order for a destination, if there is one in force.
func (t *Table) Find(nexthop string) (ctl.Suspension, bool) {
	return t.find(ctl.Suspension{Nexthop: nexthop})
}

// FindService is Find for a service, with its type ("lmtp/unix").
func (t *Table) FindService(name string) (ctl.Suspension, bool) {
	return t.find(ctl.Suspension{Service: name})
}

func (t *Table) find(what ctl.Suspension) (ctl.Suspension, bool) {
	m := *t.now.Load()
	if len(m) == 0 {
		return ctl.Suspension{}, false
	}
	s, ok := m[targetOf(&what)]
	return s, ok && inForce(&s)
}

func inForce(s *ctl.Suspension) bool { return s.Until.IsZero() || time.Now().Before(s.Until) }

// All returns the orders in force, services first, then by destination.
func (t *Table) All() []ctl.Suspension {
	all := []ctl.Suspension{}
	for _, s := range *t.now.Load() {
		if inForce(&s) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, inOrder)
	return all
}

func inOrder(a, b ctl.Suspension) int {
	return cmp.Or(cmp.Compare(a.Nexthop, b.Nexthop), cmp.Compare(a.Service, b.Service))
}

// Suspend gives an order, in place of one about the same.
func (t *Table) Suspend(s ctl.Suspension) error {
	s.Nexthop = strings.ToLower(s.Nexthop)
	return t.change(func(m orders) error {
		if m[targetOf(&s)] = s; len(m) > limit {
			return status.New(452, "4.3.1", "More than %d suspensions", limit)
		}
		return nil
	})
}

// Resume ends the order about the same as s.
func (t *Table) Resume(s ctl.Suspension) error {
	what := targetOf(&s)
	return t.change(func(m orders) error {
		if _, ok := m[what]; !ok {
			return queue.ErrNotFound
		}
		delete(m, what)
		return nil
	})
}

// change does fn to a copy of the orders that are in force, writes it and publishes it.
func (t *Table) change(fn func(orders) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := maps.Clone(*t.now.Load())
	maps.DeleteFunc(m, func(_ target, s ctl.Suspension) bool { return !inForce(&s) })
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
	b, err := json.MarshalIndent(slices.SortedFunc(maps.Values(m), inOrder), "", "  ")
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

// prefix begins the reason of mail that waits because of an order.
func prefix(s *ctl.Suspension) string {
	if s.Service != "" {
		return "service " + s.Service + " is suspended"
	}
	return "delivery to " + strings.ToLower(s.Nexthop) + " is suspended"
}

// Waits reports whether an entry has a recipient that waits because the destination or service of s
// is, or was, suspended.
func Waits(s ctl.Suspension, r *queue.Record) bool {
	want := prefix(&s)
	for i := range r.Recipients {
		p := &r.Recipients[i]
		if rest, ok := strings.CutPrefix(p.Reply.Text, want); ok && !p.Outcome.Done() && (rest == "" || rest[0] == ':') {
			return true
		}
	}
	return false
}

// Agent returns an agent that heeds the table and leaves the rest to a, the agent of a service.
func (t *Table) Agent(service string, a queue.Agent) queue.Agent {
	return &agent{t: t, service: service, next: a}
}

type agent struct {
	t       *Table
	service string
	next    queue.Agent
}

var _ queue.Agent = (*agent)(nil)

// Deliver defers what goes to a suspended destination, or through a suspended service.
func (a *agent) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	s, ok := a.t.FindService(a.service)
	if !ok {
		s, ok = a.t.Find(req.Nexthop)
	}
	if !ok {
		return a.next.Deliver(ctx, req)
	}
	text := prefix(&s)
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

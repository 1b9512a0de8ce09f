package verify

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// memory is a Memory that knows no time.
type memory struct {
	mu   sync.Mutex
	rows map[string]string
	full bool
}

func (m *memory) Get(key string) ([]byte, sdk.Errno) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.rows[key]; ok {
		return []byte(v), sdk.OK
	}
	return nil, sdk.ErrNotFound
}

func (m *memory) Set(key string, value []byte, _ int) sdk.Errno {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return sdk.ErrLimit
	}
	m.rows[key] = string(value)
	return sdk.OK
}

// world is a Verifier whose probes are written down.
type world struct {
	*Verifier
	t      *testing.T
	memory memory
	probes []string
	warned []string
	fails  error
}

func inWorld(t *testing.T, change func(*Options), test func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, memory: memory{rows: map[string]string{}}}
		o := Options{
			Memory: &w.memory, Standard: func(a string) string { return a }, PendingLimit: 2,
			PositiveExpire: 31 * 24 * time.Hour, PositiveRefresh: 7 * 24 * time.Hour, NegativeExpire: 3 * 24 * time.Hour, NegativeRefresh: 3 * time.Hour,
			Probe: func(_ context.Context, a string) (bool, error) {
				w.probes = append(w.probes, a)
				return strings.HasPrefix(a, "many@"), w.fails
			},
			Warn: func(s string) { w.warned = append(w.warned, s) },
		}
		if change != nil {
			change(&o)
		}
		w.Verifier = New(o)
		test(w)
	})
}

// want asks without waiting.
func (w *world) want(address string, s State, probes int) {
	w.t.Helper()
	if a := w.Ask(context.Background(), address, 0); a.State != s {
		w.t.Errorf("%s is %v (%s), want %v", address, a.State, a.Text, s)
	}
	if len(w.probes) != probes {
		w.t.Errorf("after %s there were the probes %q, want %d", address, w.probes, probes)
	}
}

func TestAnAnswerIsAskedForOnceAndAgainWhenItIsOld(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.want("a@x", Unknown, 1)
		w.want("a@X", Unknown, 1) // under way
		w.Update("a@x", Answer{Deliverable, "250 Ok"})
		w.want("a@x", Deliverable, 1)
		time.Sleep(7*24*time.Hour + time.Second)
		w.want("a@x", Deliverable, 2) // refreshed while it still counts
		w.want("a@x", Deliverable, 2)
		w.Update("a@x", Answer{Undeliverable, "550 no"})
		w.want("a@x", Deliverable, 2) // a failure does not overwrite it
		time.Sleep(giveUp + time.Second)
		w.want("a@x", Deliverable, 3)
		time.Sleep(31 * 24 * time.Hour)
		w.want("a@x", Unknown, 4) // expired
		w.Update("a@x", Answer{Undeliverable, "550 no"})
		w.want("a@x", Undeliverable, 4)
		time.Sleep(3*time.Hour + time.Second)
		w.want("a@x", Undeliverable, 5)
		w.Update("a@x", Answer{Deferred, "450 later"})
		w.want("a@x", Deferred, 5)
		time.Sleep(3*24*time.Hour + time.Second)
		w.want("a@x", Unknown, 6)
		time.Sleep(giveUp + time.Second)
		w.want("a@x", Unknown, 7) // the probe is lost
	})
}

func TestManyWhoAskShareOneProbeAndItsAnswer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if a := w.Ask(context.Background(), "a@x", time.Minute); a.State != Undeliverable || a.Text != "550 no" {
					w.t.Errorf("the answer is %+v", a)
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		time.Sleep(5 * time.Second)
		w.Update("a@x", Answer{Undeliverable, "550 no"})
		group.Wait()
		if len(w.probes) != 1 || time.Since(begun) != 5*time.Second {
			w.t.Errorf("probes %q, answered after %v", w.probes, time.Since(begun))
		}
		begun = time.Now()
		w.Ask(context.Background(), "b@x", 6*time.Second)
		if d := time.Since(begun); d != 6*time.Second {
			w.t.Errorf("waited %v for an answer that does not come, want 6s", d)
		}
	})
}

func TestFailuresAreNotRememberedWhereThatIsForbidden(t *testing.T) {
	inWorld(t, func(o *Options) { o.ForgetNegative = true }, func(w *world) {
		w.want("a@x", Unknown, 1)
		w.want("a@x", Unknown, 1)
		w.Update("a@x", Answer{Undeliverable, "550 no"})
		w.want("a@x", Unknown, 2)
		w.Update("a@x", Answer{Deliverable, "250 Ok"})
		w.want("a@x", Deliverable, 2)
		if len(w.memory.rows) != 1 {
			w.t.Errorf("remembered %q", w.memory.rows)
		}
	})
}

func TestWhatCannotBeAskedIsUnknown(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.fails = errors.New("no room")
		w.want("a@x", Unknown, 1)
		w.fails = nil
		w.want("a@x", Unknown, 2) // not taken for under way
		w.want("b@x", Unknown, 3)
		w.want("c@x", Unknown, 3) // more than PendingLimit are not asked
		w.Update("a@x", Answer{Deliverable, "250 Ok"})
		w.want("c@x", Unknown, 4)
		w.memory.rows["d@x"] = "9:junk"
		w.want("d@x", Unknown, 4)
		if len(w.warned) != 2 {
			w.t.Errorf("warned of %q, want the failure and the junk", w.warned)
		}
		w.Update("b@x", Answer{Deliverable, "250 Ok"})
		w.memory.full = true
		w.want("e@x", Unknown, 5)
		if a := w.Ask(context.Background(), "many@x", 0); a.State != Unknown { // no room for it yet
			w.t.Errorf("many@x is %+v", a)
		}
	})
}

func TestAnAliasForSeveralIsDeliverable(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		if a := w.Ask(context.Background(), "many@x", 0); a.Text != "aliased to multiple recipients" || a.State != Deliverable {
			w.t.Errorf("the answer is %+v", a)
		}
	})
}

func TestKeysKeepTheLocalPartAndFitTheMemory(t *testing.T) {
	if k := key("Bob@Example.ORG"); k != "Bob@example.org" {
		t.Errorf("key %q", k)
	}
	long := strings.Repeat("x", 300) + "@example.org"
	if k := key(long); len(k) > longestKey || k == key("y"+long) {
		t.Errorf("key %q", k)
	}
}

func TestTheSenderOfProbesChangesWithItsTime(t *testing.T) {
	s := Sender{Address: "double-bounce", Origin: "x.test", TTL: time.Hour}
	now := time.Unix(1e9, 0)
	at := s.At(now)
	if at == "double-bounce@x.test" || !strings.HasPrefix(at, "double-bounce") || !strings.HasSuffix(at, "@x.test") {
		t.Errorf("sender %s", at)
	}
	for _, c := range []struct {
		name string
		s    Sender
		at   string
		now  time.Time
		own  bool
	}{
		{"now", s, at, now, true},
		{"an hour later", s, strings.ToUpper(at), now.Add(time.Hour), true},
		{"an hour before", s, at, now.Add(-time.Hour), true},
		{"two hours later", s, at, now.Add(2 * time.Hour), false},
		{"somebody else", s, "a@x.test", now, false},
		{"a fixed one", Sender{Address: "p@y.test", Origin: "x.test"}, "p@y.test", now, true},
		{"the null sender is nobody's", Sender{Address: "<>"}, "", now, false},
	} {
		if own := c.s.Own(c.at, c.now); own != c.own {
			t.Errorf("%s: %s is ours: %v", c.name, c.at, own)
		}
	}
	if at := (Sender{Address: "<>"}).At(now); at != "" {
		t.Errorf("the null sender is %q", at)
	}
}

func FuzzParseRow(f *testing.F) {
	f.Add([]byte("0:0:1700000000:250 2.1.5 Ok"))
	f.Add([]byte("3:1700000000:0:Address verification in progress"))
	f.Add([]byte("2::x:"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseRow(b)
		if !ok {
			return
		}
		again, ok := parseRow(r.encode())
		if !ok || again != r {
			t.Fatalf("%q: %+v does not come back: %+v", b, r, again)
		}
	})
}

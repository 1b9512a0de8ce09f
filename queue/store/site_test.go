package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

func ofSite(t *testing.T, s *Store, site string) (ids []string) {
	t.Helper()
	if err := s.Site(site, func(id string) bool { ids = append(ids, id); return true }); err != nil {
		t.Fatal(err)
	}
	return ids
}

// deferredFor commits an entry for domains, defers it and notes them.
func deferredFor(t *testing.T, s *Store, sites ...string) string {
	t.Helper()
	env := envelope(0)
	for _, site := range sites {
		env.Recipients = append(env.Recipients, mail.Recipient{Address: "x@" + strings.ToUpper(site)})
	}
	d, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Commit(t.Context(), env, []byte("A: b\r\n\r\n"), queue.Incoming, "")
	if err == nil {
		err = s.Update(e.ID, &queue.Record{State: queue.Deferred, Recipients: make([]queue.Progress, len(sites))}, nil)
	}
	if err == nil {
		err = s.NoteSites(e.ID, sites)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e.ID
}

func TestEntriesAreFoundBySite(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	a, b, both := deferredFor(t, s, "a.test"), deferredFor(t, s, "b.test"), deferredFor(t, s, "a.test", "b.test")
	deferredFor(t, s, "aa.test")
	if got := ofSite(t, s, "a.test"); !slices.Equal(got, []string{a, both}) {
		t.Fatalf("a.test: %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, options(fsys))
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Remove(both); err != nil {
		t.Fatal(err)
	}
	if got := ofSite(t, s, "b.test"); !slices.Equal(got, []string{b}) {
		t.Fatalf("b.test after a removal: %v", got)
	}
	if got := ofSite(t, s, "a.test"); !slices.Equal(got, []string{a}) {
		t.Fatalf("a.test after a removal: %v", got)
	}
}

func TestASiteOfManyIsReadByThePage(t *testing.T) {
	s := newStore(t)
	var want []string
	for range 2*sitePageLen + 1 {
		want = append(want, deferredFor(t, s, "a.test"))
	}
	if got := ofSite(t, s, "a.test"); !slices.Equal(got, want) {
		t.Fatalf("%d of %d", len(got), len(want))
	}
	for _, id := range want { // while it is read
		if err := s.Remove(id); err != nil {
			t.Fatal(err)
		}
	}
	if got := ofSite(t, s, "a.test"); got != nil {
		t.Fatalf("after the removals: %d", len(got))
	}
}

func TestNothingIsNotedForEntriesThatAreGone(t *testing.T) {
	s := newStore(t)
	id := deferredFor(t, s, "a.test")
	if err := s.Remove(id); err != nil {
		t.Fatal(err)
	}
	if err := s.NoteSites(id, []string{"a.test"}); err == nil {
		t.Fatal("noted")
	}
	if got := ofSite(t, s, "a.test"); got != nil {
		t.Fatal(fmt.Sprint(got))
	}
}

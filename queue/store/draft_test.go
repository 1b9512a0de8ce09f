package store

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

func TestADraftShowsWhatWasWritten(t *testing.T) {
	s := newStore(t)
	for _, n := range []int{10, smallLen + 1, maxInline + 1, 5 * maxInline} {
		d, err := s.Begin(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b := body(1, n)
		if k, err := d.Write(b); k != n || err != nil {
			t.Fatalf("Write = %d, %v", k, err)
		}
		c := d.Content()
		got, err := io.ReadAll(mail.Reader(c))
		if err != nil || !slices.Equal(got, b) || c.Size() != int64(n) {
			t.Fatalf("%d of %d bytes, %v", len(got), n, err)
		}
		for _, off := range []int{0, n / 2, n - 1} {
			p := make([]byte, n-off)
			if k, err := c.ReadAt(p, int64(off)); k != len(p) || err != nil && err != io.EOF || !slices.Equal(p, b[off:]) {
				t.Fatalf("ReadAt(%d) = %d, %v", off, k, err)
			}
		}
		d.Abort()
	}
}

func TestOfTwoForksOneIsCommitted(t *testing.T) {
	s := newStore(t)
	for _, n := range []int{100, 2*maxInline + 1} {
		for _, second := range []bool{false, true} {
			first, err := s.Begin(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			fork := first.Fork()
			if first.ID() != fork.ID() {
				t.Fatalf("ids %s and %s", first.ID(), fork.ID())
			}
			if _, err := first.Write(body(1, n)); err != nil {
				t.Fatal(err)
			}
			if _, err := fork.Write(body(2, n)); err != nil {
				t.Fatal(err)
			}
			win, lose, seed := first, fork, uint64(1)
			if second {
				win, lose, seed = fork, first, 2
			}
			lose.Abort()
			e, err := win.Commit(context.Background(), envelope(1), []byte(header), queue.Incoming, "")
			if err != nil || e.ID != first.ID() {
				t.Fatalf("%+v, %v", e, err)
			}
			win.Abort()
			wantText(t, s, e.ID, body(seed, n))
		}
	}
}

func TestADraftThatIsOverTakesNothing(t *testing.T) {
	s := newStore(t)
	d, err := s.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	d.Abort()
	d.Abort()
	if _, err := d.Write([]byte("x")); err == nil {
		t.Error("an aborted draft took text")
	}
	if _, err := d.Commit(context.Background(), envelope(1), nil, queue.Incoming, ""); err == nil {
		t.Error("an aborted draft was committed")
	}
	if ids := list(t, s, queue.Incoming); len(ids) != 0 {
		t.Errorf("the queue has %v", ids)
	}
}

func TestACommitThatMakesNoSenseKeepsNothing(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		env   *mail.Envelope
		state queue.State
	}{
		"without recipients":        {context.Background(), envelope(0), queue.Incoming},
		"as deferred":               {context.Background(), envelope(1), queue.Deferred},
		"with a context that ended": {cancelled, envelope(1), queue.Incoming},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			d, err := s.Begin(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Write(body(1, 2*maxInline)); err != nil {
				t.Fatal(err)
			}
			_, err = d.Commit(c.ctx, c.env, nil, c.state, "")
			var e *status.Error
			if !errors.As(err, &e) || !e.Temporary() {
				t.Fatalf("answer %v", err)
			}
			if names, err := s.opt.FS.List("q/tmp"); err != nil || len(names) != 0 || len(list(t, s, queue.Incoming)) != 0 {
				t.Fatalf("left %v, %v", names, err)
			}
		})
	}
}

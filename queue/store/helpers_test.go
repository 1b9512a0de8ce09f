package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// smallPebble makes Pebble flush and compact early, so that short tests meet what long runs do.
func smallPebble(o *pebble.Options) {
	o.MemTableSize = 256 << 10
	for i := range o.TargetFileSizes {
		o.TargetFileSizes[i] = 64 << 10
	}
	o.LBaseMaxBytes = 256 << 10
	o.L0CompactionThreshold = 2
}

// options are those of a store on fsys whose keeper never waits long.
func options(fsys vfs.FS) Options {
	return Options{Dir: "q", FS: fsys, Log: slog.New(slog.DiscardHandler), RetryAfter: time.Millisecond, tune: smallPebble}
}

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newStore opens a store on a new memory disk that is closed at the end of the test.
func newStore(t testing.TB) *Store {
	t.Helper()
	s := mustOpen(t, options(vfs.NewMem()))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// envelope is one with n recipients.
func envelope(n int) *mail.Envelope {
	env := &mail.Envelope{Sender: "sender@example.org", Arrived: time.Unix(1700000000, 0), Origin: mail.Origin{Kind: mail.KindSMTP, UID: -1}}
	for i := range n {
		a := fmt.Sprintf("r%d@example.net", i)
		env.Recipients = append(env.Recipients, mail.Recipient{Address: a, Original: a})
	}
	return env
}

// body is text of n bytes, different for each seed.
func body(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

const header = "Subject: test\r\n"

// commit writes a message in pieces and commits it.
func commit(s *Store, text []byte, state queue.State, env *mail.Envelope) (*queue.Entry, error) {
	d, err := s.Begin(context.Background())
	if err != nil {
		return nil, err
	}
	defer d.Abort()
	for p := text; len(p) > 0; {
		n := min(len(p), 5000)
		if _, err := d.Write(p[:n]); err != nil {
			return nil, err
		}
		p = p[n:]
	}
	return d.Commit(context.Background(), env, []byte(header), state, "")
}

func mustCommit(t testing.TB, s *Store, text []byte) *queue.Entry {
	t.Helper()
	e, err := commit(s, text, queue.Incoming, envelope(1))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustLoad(t testing.TB, s *Store, id string) (*queue.Entry, *queue.Record) {
	t.Helper()
	e, r, err := s.Load(id)
	if err != nil {
		t.Fatalf("Load(%s): %v", id, err)
	}
	return e, r
}

func mustUpdate(t testing.TB, s *Store, id string, r queue.Record, changed ...int) {
	t.Helper()
	if err := s.Update(id, &r, changed); err != nil {
		t.Fatalf("Update(%s): %v", id, err)
	}
}

// text reads the text of an entry.
func text(s *Store, id string) ([]byte, error) {
	c, err := s.Open(id)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(mail.Reader(c))
	return b, errors.Join(err, c.Close())
}

func wantText(t testing.TB, s *Store, id string, want []byte) {
	t.Helper()
	got, err := text(s, id)
	if want := append([]byte(header), want...); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("text of %s: %d bytes, want %d; %v", id, len(got), len(want), err)
	}
}

// list returns the ids in a state.
func list(t testing.TB, s *Store, state queue.State) (ids []string) {
	t.Helper()
	err := s.Each(context.Background(), state, "", func(e *queue.Entry, r *queue.Record) bool {
		if r.State != state {
			t.Errorf("%s is listed as %s and is %s", e.ID, state, r.State)
		}
		ids = append(ids, e.ID)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// TestADiskThatIsReallyFull needs a small file system of its own, as
//
//	mount -t tmpfs -o size=64m none /mnt/small
//
// and MTAD_TEST_SMALL_DISK=/mnt/small.
func TestADiskThatIsReallyFull(t *testing.T) {
	root := os.Getenv("MTAD_TEST_SMALL_DISK")
	if root == "" {
		t.Skip("set MTAD_TEST_SMALL_DISK to a directory on a file system of 64 MiB")
	}
	dir := filepath.Join(root, "q")
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}()
	o := Options{Dir: dir, RetryAfter: 10 * time.Millisecond}
	s := mustOpen(t, o)
	sure := map[string][]byte{}
	fill := func() {
		t.Helper()
		for i := uint64(0); ; i++ {
			n := 20_000
			if i%5 == 0 {
				n = 3 * maxInline
			}
			b := body(i, n)
			e, err := commit(s, b, queue.Incoming, envelope(1))
			var answer *status.Error
			switch {
			case err == nil:
				sure[e.ID] = append([]byte(header), b...)
			case !errors.As(err, &answer) || answer.Reply.Code != 452:
				t.Fatalf("answer to a full disk: %v", err)
			default:
				return
			}
		}
	}
	fill()
	t.Logf("full with %d messages", len(sure))
	filler := filepath.Join(root, "filler")
	if err := os.WriteFile(filler, make([]byte, 64<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	// What is in the queue goes on, until Pebble itself meets the end of the disk.
	r := queue.Record{State: queue.Deferred, Recipients: make([]queue.Progress, 1)}
	r.Recipients[0].Reply.Text = string(bytes.Repeat([]byte("full "), 2000))
	for i := 0; s.ledger.Writable() == nil && i < 10; i++ {
		for id := range sure {
			r.Due = r.Due.Add(time.Second)
			if err := s.Update(id, &r, []int{0}); err != nil && s.ledger.Writable() == nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.ledger.Writable(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("with a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 2 {
		if err := s.ledger.Up(ctx); err != nil {
			t.Fatal(err)
		}
		for id, want := range sure {
			if b, err := text(s, id); err != nil || !bytes.Equal(b, want) {
				t.Fatalf("%s: %d bytes of %d, %v", id, len(b), len(want), err)
			}
		}
		if n := s.Counts(); n[queue.Incoming]+n[queue.Deferred] != len(sure) {
			t.Errorf("%v entries, %d acknowledged", n, len(sure))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, o)
	}
	n := 0
	for id := range sure {
		if n++; n%2 == 0 {
			if err := s.Remove(id); err != nil {
				t.Fatal(err)
			}
			delete(sure, id)
		}
	}
	if err := s.ledger.Sync(); err != nil {
		t.Fatal(err)
	}
	for id, want := range sure {
		if b, err := text(s, id); err != nil || !bytes.Equal(b, want) {
			t.Fatalf("%s: %d bytes of %d, %v", id, len(b), len(want), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

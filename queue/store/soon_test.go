package store

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/queue"
)

// TestWhatWasDeliveredIsNotDeliveredAgainAMomentLater: the database keeps what nobody syncs in its own memory. So even
// a kill, on a machine where nothing else happens, undoes a removal that is younger than SyncAfter, and that is short.
func TestWhatWasDeliveredIsNotDeliveredAgainAMomentLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewCrashableMem()
		o := options(mem)
		o.SyncAfter = 0
		s := mustOpen(t, o)
		e := mustCommit(t, s, body(1, 100))
		if err := s.Remove(e.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(150 * time.Millisecond)
		synctest.Wait()
		clone := mem.CrashClone(vfs.CrashCloneCfg{})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again := mustOpen(t, options(clone))
		if _, _, err := again.Load(e.ID); !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("it is there again: %v", err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

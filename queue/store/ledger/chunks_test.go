package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/record"
)

const testLog = 7 // the number of the logs that these tests write

// writeLog writes records as Pebble writes its logs.
func writeLog(t testing.TB, records [][]byte, offsets bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w := record.NewLogWriter(&b, testLog, record.LogWriterConfig{WriteWALSyncOffsets: func() bool { return offsets }})
	for _, r := range records {
		if _, err := w.WriteRecord(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeManifest writes records as Pebble writes its manifests.
func writeManifest(t testing.TB, records [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := record.NewWriter(&b)
	for _, r := range records {
		if _, err := w.WriteRecord(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// someRecords are of all lengths that matter to blocks.
func someRecords() (records [][]byte) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i, n := range []int{1, 100, 30_000, 5_000, 70_000, 32_768, 32_749, 12, 200_000, 3} {
		r := make([]byte, n)
		for j := range r {
			r[j] = byte(rng.Uint32())
		}
		copy(r, fmt.Sprintf("record %d", i))
		records = append(records, r)
	}
	return records
}

// collect returns what scan finds.
func collect(t testing.TB, log []byte) (found [][]byte, holes int, inner bool) {
	t.Helper()
	holes, inner, err := scan(bytes.NewReader(log), testLog, func(r []byte) error {
		found = append(found, bytes.Clone(r))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, holes, inner
}

func TestScanReadsWhatPebbleWrites(t *testing.T) {
	want := someRecords()
	for name, log := range map[string][]byte{
		"log":              writeLog(t, want, false),
		"log with offsets": writeLog(t, want, true),
		"manifest":         writeManifest(t, want),
	} {
		t.Run(name, func(t *testing.T) {
			found, holes, _ := collect(t, log)
			if holes != 0 || !slices.EqualFunc(found, want, bytes.Equal) {
				t.Fatalf("%d of %d records, %d holes", len(found), len(want), holes)
			}
			// What a longer log left in a file that is used again is not of this log.
			if name == "manifest" {
				return
			}
			if found, holes, _ := collect(t, append(bytes.Clone(log), log...)); holes != 0 || len(found) != len(want) {
				t.Fatalf("behind the end: %d of %d records, %d holes", len(found), len(want), holes)
			}
		})
	}
}

func TestScanLosesOnlyTheRecordThatIsDamaged(t *testing.T) {
	want := someRecords()
	log := writeLog(t, want, true)
	rng := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		at := rng.IntN(len(log) - 30)
		bad := bytes.Clone(log)
		bad[at] ^= 1 << rng.IntN(8)
		found, holes, _ := collect(t, bad)
		next := 0
		for _, r := range found {
			i := slices.IndexFunc(want[next:], func(w []byte) bool { return bytes.Equal(w, r) })
			if i < 0 {
				t.Fatalf("byte %d: a record that was never written, or out of order", at)
			}
			next += i + 1
		}
		switch lost := len(want) - len(found); {
		case lost > 0 && holes == 0:
			t.Fatalf("byte %d: %d records are lost and no hole is seen", at, lost)
		case lost > 4: // as many as share a block
			t.Fatalf("byte %d: %d of %d records are lost", at, lost, len(want))
		}
	}
}

func TestScanTellsDamageFromAnEnd(t *testing.T) {
	records := [][]byte{[]byte("first"), []byte("second"), []byte("third")}
	manifest := writeManifest(t, records)
	second := shortHeader + len(records[0])
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		inner  bool
	}{
		{"nothing", func(b []byte) []byte { return b }, false},
		{"the first record", func(b []byte) []byte { b[shortHeader] ^= 1; return b }, true},
		{"one in the middle", func(b []byte) []byte { b[second+shortHeader] ^= 1; return b }, true},
		{"the last record", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, false},
		{"cut short", func(b []byte) []byte { return b[:len(b)-2] }, false},
		{"cut in a header", func(b []byte) []byte { return b[:second+3] }, false},
		{"empty", func([]byte) []byte { return nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, inner := collect(t, c.change(bytes.Clone(manifest))); inner != c.inner {
				t.Fatalf("damage within: %v", inner)
			}
		})
	}
}

func FuzzScan(f *testing.F) {
	f.Add(writeLog(f, [][]byte{[]byte("one"), []byte("two")}, true))
	f.Add(writeManifest(f, [][]byte{[]byte("one"), []byte("two")}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, log []byte) {
		total := 0
		if _, _, err := scan(bytes.NewReader(log), testLog, func(r []byte) error {
			total += len(r)
			return nil
		}); err != nil || total > len(log) {
			t.Fatalf("%d bytes from %d, %v", total, len(log), err)
		}
		// What Pebble reads, scan reads.
		var theirs, ours [][]byte
		for r := record.NewReader(bytes.NewReader(log), testLog); ; {
			rec, err := r.Next()
			if err != nil {
				break
			}
			b, err := io.ReadAll(rec)
			if err != nil {
				break
			}
			theirs = append(theirs, b)
		}
		_, _, err := scan(bytes.NewReader(log), testLog, func(r []byte) error {
			ours = append(ours, bytes.Clone(r))
			return nil
		})
		if err != nil || len(ours) < len(theirs) || !slices.EqualFunc(ours[:len(theirs)], theirs, bytes.Equal) {
			t.Fatalf("Pebble reads %q, scan %q, %v", theirs, ours, err)
		}
	})
}

func TestScanPassesOnErrors(t *testing.T) {
	want := errors.New("enough")
	_, _, err := scan(bytes.NewReader(writeLog(t, someRecords(), true)), testLog, func([]byte) error { return want })
	if !errors.Is(err, want) {
		t.Fatalf("got %v", err)
	}
}

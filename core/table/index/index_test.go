package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// build writes entries "key0"="value0" … and returns the file's name.
func build(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "map"+Suffix)
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.Put(fmt.Sprintf("key%d", i), fmt.Sprintf("value%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatWasPutIsFound(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, 1000} {
		r, err := Open(build(t, n))
		if err != nil {
			t.Fatal(err)
		}
		for i := range n + 10 {
			v, ok, err := r.Lookup(fmt.Sprintf("key%d", i))
			if err != nil || ok != (i < n) || ok && v != fmt.Sprintf("value%d", i) {
				t.Fatalf("key%d of %d: %q %v %v", i, n, v, ok, err)
			}
		}
		i := 0
		err = r.All(func(k, v string) error {
			if k != fmt.Sprintf("key%d", i) || v != fmt.Sprintf("value%d", i) {
				t.Fatalf("entry %d is %q %q", i, k, v)
			}
			i++
			return nil
		})
		if err != nil || i != n || r.Len() != n {
			t.Fatalf("%d of %d entries, %v", i, n, err)
		}
		r.Close()
	}
}

func TestAFileUnderConstructionIsNotSeen(t *testing.T) {
	path := build(t, 3)
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Put("other", "x")
	old, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := old.Lookup("key1"); !ok || err != nil {
		t.Fatal("a reader lost the table it had open", err)
	}
	now, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := now.Lookup("other"); !ok || now.Len() != 1 {
		t.Fatal("the new table is not there")
	}
	info, _ := os.Stat(path)
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v", info.Mode())
	}
}

func TestNothingIsLeftOfAnAbort(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "map.mdx"))
	if err != nil {
		t.Fatal(err)
	}
	w.Put("a", "b")
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	w, _ = Create(filepath.Join(dir, "map.mdx"))
	w.Put("a", "b")
	w.Put("a", "c")
	if err := w.Commit(0o644); err == nil || !strings.Contains(err.Error(), "duplicate") {
		t.Fatalf("a key that is there twice: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Fatalf("left: %v", left)
	}
}

// Whatever one byte is changed, or wherever the file ends, Open says so.
func TestEveryDamageIsNoticed(t *testing.T) {
	path := build(t, 5)
	good, _ := os.ReadFile(path)
	bad := filepath.Join(t.TempDir(), "bad")
	for i := range good {
		data := append([]byte(nil), good...)
		data[i] ^= 0x40
		os.WriteFile(bad, data, 0o600)
		if _, err := Open(bad); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("byte %d: %v", i, err)
		}
		os.WriteFile(bad, good[:i], 0o600)
		if _, err := Open(bad); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
}

func TestAFileThatIsCutWhileOpenGivesAnError(t *testing.T) {
	path := build(t, 100)
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	os.Truncate(path, 70)
	if _, ok, err := r.Lookup("key1"); ok || err == nil {
		t.Fatalf("got %v, %v", ok, err)
	}
}

// FuzzOpen mends the checksums, so that what lies behind them is reached.
func FuzzOpen(f *testing.F) {
	path := build(f, 5)
	good, _ := os.ReadFile(path)
	f.Add(good, "key1")
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		if len(data) >= headerSize {
			binary.LittleEndian.PutUint32(data[44:], crc32.Checksum(data[headerSize:], castagnoli()))
			binary.LittleEndian.PutUint32(data[60:], crc32.Checksum(data[:60], castagnoli()))
		}
		path := filepath.Join(t.TempDir(), "f")
		os.WriteFile(path, data, 0o600)
		r, err := Open(path)
		if err != nil {
			return
		}
		defer r.Close()
		_, _, _ = r.Lookup(key)
		_ = r.All(func(k, v string) error { return nil })
	})
}

// The goal is 2 µs.
func BenchmarkLookupOfAMillionKeys(b *testing.B) {
	r, err := Open(build(b, 1_000_000))
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]string, 4096)
	for i := range keys {
		keys[i] = fmt.Sprintf("key%d", i*241)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok, err := r.Lookup(keys[i%len(keys)]); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

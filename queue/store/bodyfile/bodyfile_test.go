package bodyfile

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/mtad/mtad/queue/store/codec"
)

const serial = 0x1a2b3f

func body(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(b)
	return b
}

func open(t *testing.T, fsys vfs.FS) *Dir {
	t.Helper()
	if err := fsys.MkdirAll("q", 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := Open(fsys, "q", &Pool{}, false)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// write appends b and returns the writer, not placed yet.
func write(d *Dir, b []byte) (*Writer, error) {
	w, err := d.Create(serial, 0)
	if err != nil {
		return nil, err
	}
	for len(b) > 0 {
		n := min(len(b), codec.BlockLen)
		if err := w.Append(bytes.Clone(b[:n])); err != nil {
			w.Discard()
			return nil, err
		}
		b = b[n:]
	}
	return w, nil
}

func place(t *testing.T, d *Dir, b []byte) codec.Sums {
	t.Helper()
	w, err := write(d, b)
	if err == nil {
		err = w.Place()
	}
	if err != nil {
		t.Fatal(err)
	}
	return w.Sums()
}

func TestABodyIsReadAtAnyOffset(t *testing.T) {
	b := body(3*codec.BlockLen + 777)
	d := open(t, vfs.NewMem())
	c, err := d.Open(serial, int64(len(b)), place(t, d, b), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(io.NewSectionReader(c, 0, c.Size()), b); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for seed := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			for range 200 {
				off := rng.IntN(len(b) + 10)
				p := make([]byte, rng.IntN(2*codec.BlockLen))
				n, err := c.ReadAt(p, int64(off))
				want := b[min(off, len(b)):min(off+len(p), len(b))]
				if !bytes.Equal(p[:n], want) || (err == io.EOF) != (n < len(p)) || err != nil && err != io.EOF {
					t.Errorf("ReadAt(%d bytes, %d) = %d, %v", len(p), off, n, err)
				}
			}
		})
	}
	wg.Wait()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnOpenBodyOutlivesItsName(t *testing.T) {
	b := body(codec.BlockLen + 1)
	d := open(t, vfs.NewMem())
	c, err := d.Open(serial, int64(len(b)), place(t, d, b), nil)
	if err == nil {
		err = errors.Join(d.Remove(serial), d.Remove(serial))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size())); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if _, err := d.Open(serial, int64(len(b)), nil, nil); !errors.Is(err, codec.ErrDamaged) {
		t.Fatalf("opening a removed body: %v", err)
	}
}

func TestDamageIsNeverGivenOut(t *testing.T) {
	b := body(2*codec.BlockLen + 100)
	for _, at := range []int{0, codec.BlockLen - 1, codec.BlockLen, len(b) - 1} {
		for _, chunk := range []int{100, codec.BlockLen, 3 * codec.BlockLen} {
			fsys := vfs.NewMem()
			d := open(t, fsys)
			sums := place(t, d, b)
			f, err := fsys.OpenReadWrite(d.path(serial), vfs.WriteCategoryUnspecified)
			if err == nil {
				_, err = f.WriteAt([]byte{b[at] ^ 4}, int64(at))
			}
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			c, err := d.Open(serial, int64(len(b)), sums, func(error) { told++ })
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			p := make([]byte, chunk)
			for off := int64(0); err == nil; off = int64(len(got)) {
				var n int
				n, err = c.ReadAt(p, off)
				got = append(got, p[:n]...)
			}
			if !errors.Is(err, codec.ErrDamaged) || told == 0 {
				t.Fatalf("byte %d in reads of %d: %v, told %d times", at, chunk, err, told)
			}
			if len(got) > at/codec.BlockLen*codec.BlockLen || !bytes.Equal(got, b[:len(got)]) {
				t.Fatalf("byte %d in reads of %d: %d bytes given out", at, chunk, len(got))
			}
		}
	}
}

func TestATruncatedBodyDoesNotOpen(t *testing.T) {
	b := body(codec.BlockLen + 5)
	d := open(t, vfs.NewMem())
	sums := place(t, d, b)
	for _, size := range []int64{int64(len(b)) + 1, int64(len(b)) - 1} {
		if _, err := d.Open(serial, size, sums, nil); !errors.Is(err, codec.ErrDamaged) {
			t.Fatalf("%d bytes taken for %d: %v", len(b), size, err)
		}
	}
}

func TestAPlacedBodySurvivesThePowerCut(t *testing.T) {
	b := body(codec.BlockLen * 2)
	fsys := vfs.NewCrashableMem()
	d := open(t, fsys)
	dir, err := fsys.OpenDir("/")
	if err == nil {
		err = dir.Sync() // the caller of Open has made root durable
	}
	if err != nil {
		t.Fatal(err)
	}
	sums := place(t, d, b)
	if _, err := d.Create(serial+1, 0); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(10) {
		after := fsys.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed * 10), RNG: rand.New(rand.NewPCG(seed, 1))})
		d := open(t, after)
		c, err := d.Open(serial, int64(len(b)), sums, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size())); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if names, err := after.List("q/tmp"); err != nil || len(names) != 0 {
			t.Fatalf("uncommitted files %q, %v", names, err)
		}
	}
}

func TestAFailureLeavesNothing(t *testing.T) {
	for n := int32(0); ; n++ {
		mem := vfs.NewMem()
		d := open(t, mem)
		var failed bool
		index := n
		d.fs = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if failed || op.Kind == errorfs.OpRemove {
				return nil
			}
			if index--; index < 0 {
				failed = true
				return syscall.ENOSPC
			}
			return nil
		}))
		w, err := write(d, body(codec.BlockLen+1))
		if err == nil {
			err = w.Place()
		}
		if !failed {
			if err != nil || n < 8 {
				t.Fatalf("%d operations, %v", n, err)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("operation %d failed, and the answer was %v", n, err)
		}
		tmp, err := mem.List("q/tmp")
		if err != nil || len(tmp) != 0 {
			t.Fatalf("operation %d left %q, %v", n, tmp, err)
		}
		if err := d.Walk(func(s uint64) error { return errors.New("left behind") }); err != nil {
			t.Fatalf("operation %d: a body is %v", n, err)
		}
	}
}

func TestWalkFindsBodiesOnly(t *testing.T) {
	mem := vfs.NewMem()
	d := open(t, mem)
	place(t, d, body(1))
	for _, name := range []string{"q/body/3f/README", "q/body/3f/1a2b3f", "q/body/3f/00000000001A2B3F"} {
		if _, err := mem.Create(name, vfs.WriteCategoryUnspecified); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	if err := d.Walk(func(s uint64) error { got = append(got, s); return nil }); err != nil || len(got) != 1 || got[0] != serial {
		t.Fatalf("found %x, %v", got, err)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	root := t.TempDir()
	d, err := Open(vfs.Default, root, &Pool{}, false)
	if err != nil {
		t.Fatal(err)
	}
	place(t, d, body(10))
	for name, mode := range map[string]os.FileMode{d.path(serial): 0o600, filepath.Join(root, "body"): 0o700 | os.ModeDir, filepath.Join(root, "tmp"): 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

package index

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// Writer builds a file. It is for one goroutine. It holds about 16 bytes per entry in memory
// until Commit, and 24 then.
type Writer struct {
	path string
	file *os.File
	out  *bufio.Writer
	end  uint64
	refs []ref
	sum  uint32
}

// ref is an entry: its hash, and the place and length of its record.
type ref struct {
	hash   uint64
	place  uint64
	length uint32
}

// Create starts the file that Commit will put at path. Whoever calls it calls Commit or Abort.
func Create(path string) (*Writer, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, file: f, out: bufio.NewWriterSize(f, 256<<10), end: headerSize}
	if _, err := w.out.Write(make([]byte, headerSize)); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// Put adds an entry. A key that is put twice is the caller's mistake; Commit reports it.
func (w *Writer) Put(key, value string) error {
	length := recordHead + len(key) + len(value)
	if length > maxRecord {
		return fmt.Errorf("entry %.40q is longer than %d bytes", key, maxRecord)
	}
	record := make([]byte, recordHead, length)
	binary.LittleEndian.PutUint32(record[4:], uint32(len(key)))
	binary.LittleEndian.PutUint32(record[8:], uint32(len(value)))
	record = append(append(record, key...), value...)
	binary.LittleEndian.PutUint32(record, crc32.Checksum(record[4:], castagnoli()))
	w.refs = append(w.refs, ref{hash(key), w.end, uint32(length)})
	w.end += uint64(length)
	return w.write(record)
}

func (w *Writer) write(b []byte) error {
	w.sum = crc32.Update(w.sum, castagnoli(), b)
	_, err := w.out.Write(b)
	return err
}

// Commit completes the file and gives it its name and mode. After an error the file that was
// there before is untouched.
func (w *Writer) Commit(mode os.FileMode) error {
	if err := w.finish(mode); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := os.Rename(w.file.Name(), w.path); err != nil {
		return errors.Join(err, os.Remove(w.file.Name()))
	}
	dir, err := os.Open(filepath.Dir(w.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Abort gives up: nothing is left.
func (w *Writer) Abort() error {
	err := w.file.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.Remove(w.file.Name()))
}

// finish writes the slots, then the header, and syncs.
func (w *Writer) finish(mode os.FileMode) error {
	h := header{count: uint64(len(w.refs)), slots: uint64(len(w.refs))*3/2 + 4, end: w.end}
	table, probe, err := w.place(h.slots)
	if err != nil {
		return err
	}
	for i := range table {
		var b [slotSize]byte
		if s := table[i]; s != 0 {
			r := w.refs[s-1]
			binary.LittleEndian.PutUint32(b[:], uint32(r.hash>>32))
			binary.LittleEndian.PutUint32(b[4:], r.length)
			binary.LittleEndian.PutUint64(b[8:], r.place)
		}
		if err := w.write(b[:]); err != nil {
			return err
		}
	}
	h.probe, h.sum = probe, w.sum
	if err := w.out.Flush(); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(h.bytes(), 0); err != nil {
		return err
	}
	if err := w.file.Chmod(mode); err != nil {
		return err
	}
	return errors.Join(w.file.Sync(), w.file.Close())
}

// place gives each entry a slot, and says how many slots a search may have to look at. A slot
// holds the number of an entry, counted from 1.
func (w *Writer) place(slots uint64) (table []uint32, probe uint32, err error) {
	table = make([]uint32, slots)
	for i, r := range w.refs {
		at := firstSlot(r.hash, slots)
		steps := uint32(1)
		for ; table[at] != 0; steps++ {
			if other := w.refs[table[at]-1]; other.hash == r.hash {
				if err := w.differ(other, r); err != nil {
					return nil, 0, err
				}
			}
			at = (at + 1) % slots
		}
		table[at] = uint32(i + 1)
		probe = max(probe, steps)
	}
	return table, probe, nil
}

// differ reports an error when two entries with one hash have one key.
func (w *Writer) differ(a, b ref) error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	keyA, _, err := readRecord(w.file, a.place, a.length)
	if err != nil {
		return err
	}
	keyB, _, err := readRecord(w.file, b.place, b.length)
	if err == nil && keyA == keyB {
		err = fmt.Errorf("duplicate entry: %q", keyA)
	}
	return err
}

// readRecord reads and checks one record.
func readRecord(f io.ReaderAt, place uint64, length uint32) (key, value string, err error) {
	if length < recordHead || length > maxRecord {
		return "", "", ErrCorrupt
	}
	b := make([]byte, length)
	if _, err := f.ReadAt(b, int64(place)); err != nil {
		return "", "", err
	}
	return parseRecord(b)
}

// parseRecord takes a record apart; all of it must be there and nothing behind it.
func parseRecord(b []byte) (key, value string, err error) {
	n := uint64(binary.LittleEndian.Uint32(b[4:]))
	if n+uint64(binary.LittleEndian.Uint32(b[8:]))+recordHead != uint64(len(b)) ||
		binary.LittleEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli()) {
		return "", "", ErrCorrupt
	}
	text := string(b[recordHead:])
	return text[:n], text[n:], nil
}

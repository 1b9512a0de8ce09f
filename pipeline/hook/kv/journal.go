package kv

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"github.com/mtad/mtad/plugins/sdk"
)

const (
	magic   = "mtadkv1\n"
	recHead = 4 + 2 + 4 + 8
	// gone stands for the length of the value of a key that was forgotten.
	gone = 0xffffffff
	// slack is how much history a journal may have beside three times what the space holds.
	slack = 1 << 20
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	// forgotten is what record writes of a key that is to be forgotten.
	forgotten = row{expires: -1}
)

// appendRecord appends the record of a change to b.
func appendRecord(b []byte, key string, r row) []byte {
	at, n := len(b), uint32(len(r.value))
	if r.expires < 0 {
		n, r.expires = gone, 0
	}
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	b = binary.BigEndian.AppendUint32(b, n)
	b = binary.BigEndian.AppendUint64(b, uint64(r.expires))
	b = append(append(b, key...), r.value...)
	binary.BigEndian.PutUint32(b[at:], crc32.Checksum(b[at+4:], castagnoli))
	return b
}

// cutRecord takes the first record off b; ok is false when there is no whole and right one.
func cutRecord(b []byte) (key string, r row, rest []byte, ok bool) {
	if len(b) < recHead {
		return "", row{}, nil, false
	}
	k, n := int(binary.BigEndian.Uint16(b[4:])), binary.BigEndian.Uint32(b[6:])
	r.expires = int64(binary.BigEndian.Uint64(b[10:]))
	if n == gone {
		n, r = 0, forgotten
	}
	if k == 0 || k > MaxKey || n > MaxValue || len(b) < recHead+k+int(n) {
		return "", row{}, nil, false
	}
	end := recHead + k + int(n)
	if crc32.Checksum(b[4:end], castagnoli) != binary.BigEndian.Uint32(b) {
		return "", row{}, nil, false
	}
	r.value = append([]byte(nil), b[recHead+k:end]...)
	return string(b[recHead : recHead+k]), r, b[end:], true
}

func (sp *Space) file() string { return sp.s.o.FS.PathJoin(sp.s.o.Dir, sp.name+".kv") }

// load reads the journal, if there is one, and begins a new one.
func (sp *Space) load() error {
	f, err := sp.s.o.FS.Open(sp.file())
	switch {
	case errors.Is(err, os.ErrNotExist):
		return sp.rewrite()
	case err != nil:
		return err
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if len(b) >= len(magic) && string(b[:len(magic)]) != magic {
		return errors.New("not a journal of this version")
	}
	sp.replay(b[min(len(b), len(magic)):])
	sp.sweep()
	return sp.rewrite()
}

// replay makes rows of records.
func (sp *Space) replay(b []byte) {
	for len(b) > 0 {
		key, r, rest, ok := cutRecord(b)
		if !ok {
			sp.s.o.Log.Warn("plugins' store: the end of a journal is torn", "file", sp.file(), "bytes", len(b))
			return
		}
		b = rest
		sp.drop(key)
		if r.expires >= 0 {
			sp.used += int64(len(key) + len(r.value))
			sp.rows[key] = r
		}
	}
}

// record writes a change to the journal. sp.mu is held.
func (sp *Space) record(key string, r row) sdk.Errno {
	if sp.f == nil || sp.size > slack+3*sp.used {
		if err := sp.rewrite(); err != nil {
			return sp.failed(err)
		}
	}
	b := appendRecord(nil, key, r)
	if _, err := sp.f.Write(b); err != nil {
		sp.abandon() // it may end in half a record: nothing may follow that
		return sp.failed(err)
	}
	sp.size += int64(len(b))
	sp.dirty = true
	return sdk.OK
}

func (sp *Space) abandon() {
	if sp.f != nil {
		sp.f.Close() // what it has is being replaced
		sp.f = nil
	}
}

// rewrite puts a journal of what the space has now in the place of the old one. sp.mu is held, or
// nobody knows the space yet.
func (sp *Space) rewrite() error {
	fs, tmp := sp.s.o.FS, sp.file()+".new"
	f, err := fs.Create(tmp, "kv")
	if err != nil {
		return err
	}
	b := append(make([]byte, 0, 64<<10), magic...)
	size := int64(0)
	flush := func(over int) {
		if err == nil && len(b) > over {
			_, err = f.Write(b)
			size += int64(len(b))
			b = b[:0]
		}
	}
	for key, r := range sp.rows {
		b = appendRecord(b, key, r)
		flush(32 << 10)
	}
	if flush(0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = fs.Rename(tmp, sp.file())
	}
	if err == nil {
		err = sp.syncDir()
	}
	if err != nil {
		f.Close()
		return err
	}
	sp.abandon()
	sp.f, sp.size, sp.dirty = f, size, false
	return nil
}

func (sp *Space) syncDir() error {
	d, err := sp.s.o.FS.OpenDir(sp.s.o.Dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sync brings what was written to stable storage. The lock is not held meanwhile.
func (sp *Space) sync() {
	sp.mu.Lock()
	f, dirty := sp.f, sp.dirty
	sp.dirty = false
	sp.mu.Unlock()
	if f == nil || !dirty {
		return
	}
	if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		sp.failed(err)
	}
}

func (sp *Space) close() error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.f == nil {
		return nil
	}
	err := errors.Join(sp.f.Sync(), sp.f.Close())
	sp.f = nil
	return err
}

func (sp *Space) failed(err error) sdk.Errno {
	sp.s.o.Log.Error("plugins' store", "file", sp.file(), "err", err)
	return sdk.ErrIO
}

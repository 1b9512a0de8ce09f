package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// salvageLog rewrites a log with the records of it that can be read, in place, after a copy of it
// was put beside the database.
func (l *Ledger) salvageLog(name string) error {
	base := l.cfg.FS.PathBase(name)
	num, err := strconv.ParseUint(strings.TrimSuffix(base, logSuffix), 10, 64)
	if err != nil {
		return err
	}
	kept := l.path(damagedPrefix + base)
	if err := vfs.Copy(l.cfg.FS, name, kept); err != nil { // syncs, too
		return err
	}
	fresh := l.path("salvage" + logSuffix)
	holes, records, err := l.rewriteLog(name, fresh, num)
	if err != nil {
		return err
	}
	if err := l.cfg.FS.Rename(fresh, name); err != nil {
		return err
	}
	l.cfg.Log.Error("a log of the queue database was damaged; what it said there is lost",
		"directory", l.cfg.Dir, "log", base, "places", holes, "changes kept", records, "original", kept)
	return errors.Join(syncDir(l.cfg.FS, l.cfg.FS.PathDir(name)), syncDir(l.cfg.FS, l.cfg.Dir))
}

// rewriteLog copies the records of log from that can be read to a new log. That is written in the
// format without numbers and offsets, which Pebble reads in every log: the numbers serve logs
// that are used again, the offsets tell damage from an end.
func (l *Ledger) rewriteLog(from, to string, num uint64) (holes, records int, err error) {
	in, err := l.cfg.FS.Open(from)
	if err != nil {
		return 0, 0, err
	}
	defer in.Close()
	out, err := l.cfg.FS.Create(to, vfs.WriteCategoryUnspecified)
	if err != nil {
		return 0, 0, err
	}
	w := record.NewWriter(out)
	holes, _, err = scan(in, uint32(num), func(rec []byte) error {
		records++
		_, err := w.WriteRecord(rec)
		return err
	})
	return holes, records, errors.Join(err, w.Close(), out.Sync(), out.Close())
}

// checkManifest refuses a database whose manifest is damaged before its end. Pebble would take
// the part before the damage for all, and delete the tables that the rest speaks of.
func (l *Ledger) checkManifest(dir string) error {
	names, err := l.cfg.FS.List(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	desc, err := pebble.Peek(dir, l.cfg.FS)
	if err != nil || !desc.Exists {
		return err
	}
	f, err := l.cfg.FS.Open(desc.ManifestFilename)
	if err != nil {
		return err
	}
	defer f.Close()
	_, inner, err := scan(f, 0, func([]byte) error { return nil })
	if err == nil && inner {
		err = fmt.Errorf("%w: %s", ErrManifest, desc.ManifestFilename)
	}
	return err
}

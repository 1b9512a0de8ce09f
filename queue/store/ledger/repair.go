package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// openRepaired opens the current database. What can be repaired of it is.
func (l *Ledger) openRepaired() (*instance, error) {
	tried := map[string]bool{} // logs that were rewritten
	for rebuilt := false; ; {
		dir, err := l.current()
		if err == nil && l.damaged {
			dir, err = l.rebuild()
			rebuilt = true
		}
		if err != nil {
			return nil, err
		}
		in, err := l.cfg.openInstance(dir, func() { wake(l.failed) }, nil)
		if err == nil {
			return in, nil
		}
		if rebuilt || !l.repairable(in, err) {
			return nil, err
		}
		if name := in.damagedLog(err); name != "" && !tried[name] {
			tried[name] = true
			if err := l.salvageLog(name); err != nil {
				return nil, fmt.Errorf("repair of %s: %w", name, err)
			}
			l.known = false
			continue
		}
		l.cfg.Log.Error("queue database is damaged, it is repaired now", "directory", l.cfg.Dir, "err", err)
		l.damaged = true
	}
}

// repairable says that it is not the disk that kept an instance from being opened.
func (l *Ledger) repairable(in *instance, err error) bool {
	failed := in.failure()
	return !l.cfg.ReadOnly && !isDisk(err) && (failed == nil || failed.damage)
}

// current returns the database that the version file names, and tidies what is beside it.
func (l *Ledger) current() (dir string, err error) {
	v, err := l.readVersion()
	if err != nil {
		return "", err
	}
	if !l.cfg.ReadOnly {
		if err := l.tidy(v.db); err != nil {
			return "", err
		}
	}
	dir = l.dbPath(v.db)
	return dir, l.checkManifest(dir)
}

// damagedLog returns the log in which opening found damage, "" when that was not it.
func (in *instance) damagedLog(err error) string {
	name := in.fence.lastLog.Load()
	if name == nil || in.failure() != nil || !pebble.IsCorruptionError(err) || isDisk(err) {
		return ""
	}
	return *name
}

// tidy puts the databases away that are not the current one: older ones were damaged and are
// kept, newer ones are repairs that a crash cut short.
func (l *Ledger) tidy(current int) error {
	names, err := l.cfg.FS.List(l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimPrefix(name, dbPrefix))
		if !strings.HasPrefix(name, dbPrefix) || err != nil || n == current {
			continue
		}
		if n > current {
			err = l.cfg.FS.RemoveAll(l.path(name))
		} else {
			err = l.cfg.FS.Rename(l.path(name), l.path(damagedPrefix+name))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// rebuild copies what can be read of the current database to a new one, makes that current and
// returns its directory. A crash at any moment leaves either the one or the other as the current
// one.
func (l *Ledger) rebuild() (dir string, err error) {
	v, err := l.readVersion()
	if err != nil {
		return "", err
	}
	from, err := l.cfg.openInstance(l.dbPath(v.db), nil, noConsistencyCheck)
	if err != nil {
		return "", fmt.Errorf("repair: %w", err)
	}
	defer from.close(l.cfg.Log)
	next := version{format: v.format, db: v.db + 1}
	dir = l.dbPath(next.db)
	to, err := l.cfg.openInstance(dir, nil, nil)
	if err == nil {
		err = l.fill(from, to)
	}
	if err == nil {
		err = l.writeVersion(next)
	}
	if err != nil {
		return "", fmt.Errorf("repair: %w", err)
	}
	l.damaged, l.known = false, false
	l.cfg.Log.Warn("queue database was repaired, the damaged one is kept",
		"directory", l.cfg.Dir, "damaged", damagedPrefix+dbPrefix+strconv.Itoa(v.db))
	return dir, nil
}

// fill repairs from into to and closes to; everything is on the disk when it returns nil.
func (l *Ledger) fill(from, to *instance) error {
	err := l.cfg.Repair(from.db, to.db)
	if err == nil {
		err = to.db.LogData(nil, pebble.Sync)
	}
	to.close(l.cfg.Log)
	if failed := to.failure(); failed != nil {
		err = failed.err
	}
	return err
}

package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The names in the directory.
const (
	lockName      = "LOCK"
	versionName   = "VERSION"
	versionMagic  = "mtad-queue"
	dbPrefix      = "db-"
	damagedPrefix = "damaged-"
	// Those of Pebble:
	logSuffix      = ".log"
	tableSuffix    = ".sst"
	manifestPrefix = "MANIFEST-"
	markerPrefix   = "marker."
)

// version is what the version file says: the format of the directory and which database is the
// current one. It is one line, "mtad-queue FORMAT DATABASE".
type version struct {
	format int
	db     int
}

func (v version) String() string {
	return fmt.Sprintf("%s %d %s%d\n", versionMagic, v.format, dbPrefix, v.db)
}

func parseVersion(text string) (v version, err error) {
	fields := strings.Fields(text)
	if len(fields) < 2 || fields[0] != versionMagic {
		return v, fmt.Errorf("%s does not say what it should", versionName)
	}
	if v.format, err = strconv.Atoi(fields[1]); err != nil || v.format < 1 {
		return v, fmt.Errorf("%s has no format number", versionName)
	}
	if len(fields) != 3 {
		return v, nil
	}
	v.db, err = strconv.Atoi(strings.TrimPrefix(fields[2], dbPrefix))
	return v, err
}

func (l *Ledger) path(name string) string { return l.cfg.FS.PathJoin(l.cfg.Dir, name) }

func (l *Ledger) dbPath(n int) string { return l.path(dbPrefix + strconv.Itoa(n)) }

// prepare makes and locks the directory and sees that its format is a known one.
func (l *Ledger) prepare() error {
	if !l.cfg.ReadOnly {
		if err := mkdirSynced(l.cfg.FS, l.cfg.Dir); err != nil {
			return err
		}
	} else if _, err := l.cfg.FS.Stat(l.path(versionName)); err != nil {
		return err
	}
	lock, err := l.cfg.FS.Lock(l.path(lockName))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	l.lock = lock
	if err := l.checkVersion(); err != nil {
		_ = lock.Close()
		return err
	}
	return nil
}

func (l *Ledger) checkVersion() error {
	v, err := l.readVersion()
	if errors.Is(err, fs.ErrNotExist) && !l.cfg.ReadOnly {
		return l.create()
	}
	if err != nil {
		return err
	}
	if v.format > l.cfg.Format {
		return fmt.Errorf("%w: %s says %d, this program knows those up to %d", ErrFormat, versionName, v.format, l.cfg.Format)
	}
	if v.db < 1 {
		return fmt.Errorf("%s names no database", versionName)
	}
	return nil
}

// create writes the first version file. A directory that has a database but no version file has
// lost it; to start anew would hide the mail.
func (l *Ledger) create() error {
	names, err := l.cfg.FS.List(l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, dbPrefix) {
			return fmt.Errorf("there is %s but no %s", name, versionName)
		}
	}
	return l.writeVersion(version{format: l.cfg.Format, db: 1})
}

func (l *Ledger) readVersion() (version, error) {
	f, err := l.cfg.FS.Open(l.path(versionName))
	if err != nil {
		return version{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return version{}, err
	}
	return parseVersion(string(text))
}

// writeVersion replaces the version file in one step.
func (l *Ledger) writeVersion(v version) error {
	fresh := l.path(versionName + ".new")
	if err := writeSynced(l.cfg.FS, fresh, []byte(v.String())); err != nil {
		return err
	}
	if err := l.cfg.FS.Rename(fresh, l.path(versionName)); err != nil {
		return err
	}
	return syncDir(l.cfg.FS, l.cfg.Dir)
}

func writeSynced(fsys vfs.FS, name string, data []byte) error {
	f, err := fsys.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}

// mkdirSynced makes dir and what it is in, for its owner only, and syncs the names it made.
func mkdirSynced(fsys vfs.FS, dir string) error {
	var made []string
	for at := dir; ; at = fsys.PathDir(at) {
		_, err := fsys.Stat(at)
		if err == nil || at == fsys.PathDir(at) {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		made = append(made, at)
	}
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range made {
		if err := syncDir(fsys, fsys.PathDir(name)); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fsys vfs.FS, name string) error {
	f, err := fsys.OpenDir(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}

// freeBytes returns the room for us on the file system of dir; what has no end, as the memory
// disk of tests, has math.MaxInt64.
func freeBytes(fsys vfs.FS, dir string) (int64, error) {
	usage, err := fsys.GetDiskUsage(dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return math.MaxInt64, nil
	}
	if err != nil {
		return 0, err
	}
	return int64(min(usage.AvailBytes, math.MaxInt64)), nil
}

// FreeBytes returns the room on the file system of the directory.
func (l *Ledger) FreeBytes() (int64, error) { return freeBytes(l.cfg.FS, l.cfg.Dir) }

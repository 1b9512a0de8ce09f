package pickup

import (
	"cmp"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/pipeline/pickup/drop"
)

// batch is how many names are held in memory at a time.
const batch = 1000

// The prefixes of files that are not tried again.
const (
	damagedPrefix = "damaged."
	refusedPrefix = "refused."
)

// isOurs reports whether a name is one that Scan leaves alone.
func isOurs(name string) bool {
	return drop.IsTemporary(name) || strings.HasPrefix(name, damagedPrefix) ||
		strings.HasPrefix(name, refusedPrefix) || strings.HasPrefix(name, ".")
}

// file is a name in the directory and when it was written.
type file struct {
	name string
	at   time.Time
}

// oldest returns the oldest files of dir, oldest first, at most batch of them. more says that
// there are others.
func oldest(dir string) (files []file, more bool, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(batch)
		for _, e := range entries {
			if isOurs(e.Name()) {
				continue
			}
			if info, err := e.Info(); err == nil { // else it is gone
				files = append(files, file{e.Name(), info.ModTime()})
			}
		}
		slices.SortFunc(files, func(a, b file) int {
			return cmp.Or(a.at.Compare(b.at), strings.Compare(a.name, b.name))
		})
		if len(files) > batch {
			files, more = files[:batch:batch], true
		}
		if errors.Is(err, io.EOF) {
			return files, more, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

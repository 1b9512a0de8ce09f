package main

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store"
)

// directList reads the store of a daemon that does not run.
func (sh *shell) directList(ctx context.Context, out *bufio.Writer, asJSON bool) error {
	c, err := sh.config()
	if err != nil {
		return err
	}
	l := sh.newListing(out)
	dir := filepath.Join(c.String("queue_directory"), "store")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if !asJSON {
			l.end() // no daemon ever ran here
		}
		return nil
	}
	s, err := store.Open(store.Options{Dir: dir, ReadOnly: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer s.Close()
	var line []byte
	for _, state := range []queue.State{queue.Incoming, queue.Deferred, queue.Hold, queue.Corrupt} {
		err := s.Each(ctx, state, "", func(e *queue.Entry, r *queue.Record) bool {
			it := ctl.Describe(e, r)
			if !asJSON {
				return l.add(&it)
			}
			line = it.AppendJSON(line[:0])
			_, err := out.Write(line)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	if !asJSON {
		l.end()
	}
	return nil
}

package main

import (
	"bufio"
	"context"
	"log/slog"
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
	s, err := store.Open(store.Options{Dir: filepath.Join(c.String("queue_directory"), "store"), ReadOnly: true,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer s.Close()
	l := sh.newListing(out)
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

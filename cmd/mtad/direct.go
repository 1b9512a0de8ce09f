package main

import (
	"bufio"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/pickup/drop"
	"github.com/mtad/mtad/queue"
)

// maildropQueue is the name of the queue of what waits for the daemon to take it.
const maildropQueue = "maildrop"

// directItems calls fn for each entry of the store of a daemon that does not run.
func directItems(ctx context.Context, c *conf.Config, sel *ctl.Selector, fn func(*ctl.Item) bool) error {
	o, err := openOffline(c, false)
	if errors.Is(err, errNoQueue) {
		return nil // no daemon ever ran here
	}
	if err != nil {
		return err
	}
	defer o.close()
	return ctl.List(ctx, o, sel, func(e *queue.Entry, r *queue.Record) bool {
		it := ctl.Describe(e, r)
		return fn(&it)
	})
}

// dropItems calls fn for each message in the maildrop directory, if the caller may see them.
func dropItems(c *conf.Config, sel *ctl.Selector, fn func(*ctl.Item) bool) {
	wanted := *sel
	if wanted.Queues = nil; len(sel.Queues) > 0 && !slices.Contains(sel.Queues, maildropQueue) {
		return
	}
	now := time.Now()
	// A directory that the caller may not read has nothing to show to them.
	_ = drop.List(dropDir(c), func(w drop.Waiting) bool {
		e := &queue.Entry{Envelope: *w.Env, Size: w.Size}
		e.ID = w.Name
		if !wanted.Match(now, e, &queue.Record{}) {
			return true
		}
		it := ctl.Describe(e, &queue.Record{})
		it.Queue = maildropQueue
		return fn(&it)
	})
}

func dropDir(c *conf.Config) string { return filepath.Join(c.String("queue_directory"), "maildrop") }

// printer prints items as postqueue -p or -j does.
func (sh *shell) printer(out *bufio.Writer, asJSON bool) (add func(*ctl.Item) bool, end func()) {
	if !asJSON {
		l := sh.newListing(out)
		return l.add, l.end
	}
	var line []byte
	return func(it *ctl.Item) bool {
		line = it.AppendJSON(line[:0])
		_, err := out.Write(line)
		return err == nil
	}, func() {}
}

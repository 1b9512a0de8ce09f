package main

import (
	"bufio"
	"fmt"
	"slices"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// look is the layout of a listing.
type look struct{ header, entry, recipient string }

// The layouts of Postfix: for short queue ids, and for long ones (enable_long_queue_ids).
var (
	shortLook = look{
		"-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n",
		"%-11s %7d %20.20s %s\n", "%-41s%s\n",
	}
	longLook = look{
		"----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n",
		"%-17s %8d %19.19s %s\n", "%-47s%s\n",
	}
)

// listing prints entries as postqueue -p does.
type listing struct {
	w     *bufio.Writer
	look  look
	count int
	bytes int64
}

// newListing returns a listing in the layout that the configuration wants.
func (sh *shell) newListing(w *bufio.Writer) *listing {
	l := &listing{w: w, look: shortLook}
	if c, err := sh.config(); err == nil && c.Bool("enable_long_queue_ids") {
		l.look = longLook
	}
	return l
}

// add prints one entry. It reports whether more can be printed.
func (l *listing) add(it *ctl.Item) bool {
	if l.count == 0 {
		l.w.WriteString(l.look.header)
	}
	l.count++
	l.bytes += it.Size
	fmt.Fprintf(l.w, l.look.entry, it.ID+mark(it), it.Size, it.ArrivedAt().Format(time.ANSIC), it.Sender)
	// Those without a reason stand first: below another's reason they would seem to share it.
	slices.SortStableFunc(it.Recipients, func(a, b ctl.Waiting) int {
		return min(len(a.Reason), 1) - min(len(b.Reason), 1)
	})
	last := ""
	for _, r := range it.Recipients {
		if r.Reason != last {
			fmt.Fprintf(l.w, "%*s(%s)\n", max(0, 76-len(r.Reason)), "", r.Reason)
			last = r.Reason
		}
		fmt.Fprintf(l.w, l.look.recipient, "", r.Address)
	}
	_, err := l.w.WriteString("\n")
	return err == nil
}

// mark is what stands behind an id.
func mark(it *ctl.Item) string {
	m := ""
	switch it.Queue {
	case queue.Active.String():
		m = "*"
	case queue.Hold.String():
		m = "!"
	}
	if it.Expire {
		m += "#"
	}
	return m
}

// end prints the total.
func (l *listing) end() {
	switch l.count {
	case 0:
		l.w.WriteString("Mail queue is empty\n")
	case 1:
		fmt.Fprintf(l.w, "-- %d Kbytes in 1 Request.\n", l.bytes/1024)
	default:
		fmt.Fprintf(l.w, "-- %d Kbytes in %d Requests.\n", l.bytes/1024, l.count)
	}
}

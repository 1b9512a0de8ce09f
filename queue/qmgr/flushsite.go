package qmgr

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/queue"
)

// FlushSite makes the deferred entries due that have a pending recipient in the domain
// (postqueue -s, ETRN), and dead sites live again. It returns how many. For domains of
// Options.FlushSites it reads an index, for others all that is deferred.
func (m *Manager) FlushSite(ctx context.Context, domain string) (n int, err error) {
	domain = strings.ToLower(domain)
	if m.o.FlushSites == nil || !m.o.FlushSites(domain) {
		return m.Flush(ctx, func(e *queue.Entry, rec *queue.Record) bool { return waitsFor(e, rec, domain) })
	}
	stamp := m.beginFlush(0)
	siteErr := m.o.Store.Site(domain, func(id string) bool {
		var flushed bool
		if flushed, err = m.flushFor(id, domain, stamp); flushed {
			n++
		}
		return err == nil && ctx.Err() == nil
	})
	m.look()
	return n, errors.Join(err, siteErr, ctx.Err())
}

// flushFor makes an entry of the index due, if it still waits for the domain.
func (m *Manager) flushFor(id, domain string, stamp time.Time) (bool, error) {
	e, rec, err := m.o.Store.Load(id)
	if err != nil || !waitsFor(e, rec, domain) {
		return false, nil // gone, or unreadable, which the loop finds
	}
	return m.flushOne(id, stamp)
}

// waitsFor says whether an entry has a pending recipient in the domain.
func waitsFor(e *queue.Entry, rec *queue.Record, domain string) bool {
	for i := range e.Recipients {
		if !isDone(rec, i) && addr.Domain(e.Recipients[i].Address) == domain {
			return true
		}
	}
	return false
}

func isDone(rec *queue.Record, i int) bool {
	return i < len(rec.Recipients) && rec.Recipients[i].Outcome.Done()
}

// noteSites puts an entry that is deferred into the index of the sites that it waits for. When that
// fails, FlushSite does not find it until its next attempt: no reason to hold anything up.
func (m *Manager) noteSites(e *queue.Entry, rec *queue.Record) {
	if m.o.FlushSites == nil {
		return
	}
	var sites []string
	last := ""
	for i := range e.Recipients {
		site := addr.Domain(e.Recipients[i].Address)
		if site == last || isDone(rec, i) || slices.Contains(sites, site) {
			continue
		}
		if last = site; m.o.FlushSites(site) {
			sites = append(sites, site)
		}
	}
	if len(sites) == 0 {
		return
	}
	if err := m.o.Store.NoteSites(e.ID, sites); err != nil {
		m.qmgr.Warning(e.ID + ": cannot be found by site for now: " + err.Error())
	}
}

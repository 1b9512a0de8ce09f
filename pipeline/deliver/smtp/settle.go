package smtp

import (
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/queue"
)

// recipients returns those of the next transaction.
func (d *delivery) recipients() []mail.Recipient {
	if d.now == nil {
		return d.rcpts
	}
	d.subset = d.subset[:0]
	for _, i := range d.now {
		d.subset = append(d.subset, d.rcpts[i])
	}
	return d.subset
}

// index returns which recipient of the request the k-th one of the transaction is.
func (d *delivery) index(k int) int {
	if d.now == nil {
		return k
	}
	return d.now[k]
}

// settle turns the results of a transaction into ours. It reports whether the same session shall
// take some of the open recipients, then in d.now, in another transaction.
func (d *delivery) settle(s *session, ready time.Time, open *failure) (again bool) {
	accepted := false
	var tooMany []int
	for k := range s.tx.Results {
		i, res := d.index(k), &s.tx.Results[k]
		switch {
		case !res.Decided():
			d.failSession(i, s, ready, open)
		case res.Stage == smtpclient.StageEndOfData && res.Reply.Code/100 == 2, s.tx.Probe != smtpclient.NoProbe && res.Reply.Code < 400:
			d.results[i] = queue.Result{Outcome: queue.Sent, Reply: res.Reply.Reply, Relay: s.relay, RemoteMTA: s.at.host,
				DSNRelayed: s.conn.Features().Has(smtpclient.DSN), Final: d.a.o.AssumeFinal && !s.conn.Features().Has(smtpclient.DSN), ConnUse: s.uses, Begun: d.begun, Setup: ready}
		default:
			f := refused(&s.at, res)
			s.odd = s.odd || res.Stage != 0 && odd(res.Reply.Code)
			if isTooMany(res) {
				f.soften()
				tooMany = append(tooMany, i)
			}
			d.failSession(i, s, ready, f)
		}
		accepted = accepted || res.Stage == smtpclient.StageEndOfData
	}
	d.narrow()
	if open != nil || !accepted || len(tooMany) == 0 || !s.conn.Usable() {
		return false
	}
	d.now = tooMany
	return true
}

// narrow keeps the recipients that are not done.
func (d *delivery) narrow() {
	d.left = 0
	for i := range d.results {
		if !d.results[i].Outcome.Done() {
			d.left++
		}
	}
	if d.left == 0 || d.left == len(d.results) {
		return
	}
	d.open = d.open[:0]
	for i := range d.results {
		if !d.results[i].Outcome.Done() {
			d.open = append(d.open, i)
		}
	}
}

// failSession is fail for a failure in a session.
func (d *delivery) failSession(i int, s *session, ready time.Time, f *failure) {
	d.fail(i, f)
	r := &d.results[i]
	r.Relay, r.Setup, r.ConnUse = s.relay, ready, s.uses
}

// refuse gives all recipients of the next transaction the failure f: this server cannot take the
// message.
func (d *delivery) refuse(s *session, ready time.Time, f *failure) {
	for k := range d.recipients() {
		d.failSession(d.index(k), s, ready, f)
	}
	d.narrow()
}

// isTooMany reports whether a recipient was refused only because the transaction has too many
// already. RFC 5321 §4.5.3.1.10: 452, and 552 is to be taken for it.
func isTooMany(res *smtpclient.Result) bool {
	if res.Stage != smtpclient.StageRcpt || res.Reply.Code != 452 && res.Reply.Code != 552 {
		return false
	}
	switch res.Reply.Enhanced {
	case "", "4.5.3", "5.5.3":
		return true
	}
	return false
}

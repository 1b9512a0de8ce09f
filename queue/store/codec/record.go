package codec

import (
	"encoding/binary"

	"github.com/mtad/mtad/queue"
)

// AppendRecord appends the value of a record that is stored under key: everything but the
// recipients, whose progress is stored apart so that one can change without the others.
func AppendRecord(dst, key []byte, r *queue.Record) []byte {
	start := len(dst)
	dst = append(dst, Version, byte(r.State))
	dst = appendTime(dst, r.Due)
	dst = appendString(dst, r.Reason)
	dst = binary.AppendVarint(dst, int64(r.Attempts))
	dst = appendBools(dst, r.Warned, r.Expire)
	return seal(dst, start, key)
}

// Record returns the record that was stored under key, without recipients.
func Record(key, value []byte) (queue.Record, error) {
	r, err := unseal(key, value)
	if err != nil {
		return queue.Record{}, err
	}
	var rec queue.Record
	rec.State = queue.State(r.byte())
	rec.Due = r.time()
	rec.Reason = r.string()
	rec.Attempts = r.int()
	flags := r.bools(2)
	rec.Warned, rec.Expire = flags&1 != 0, flags&2 != 0
	if rec.State < queue.Incoming || rec.State > queue.Corrupt {
		r.fail()
	}
	return rec, r.end()
}

// owed is the bit of an outcome that says Progress.Owed: what was written before there was one reads as
// it always did.
const owed = 0x80

// AppendProgress appends the value of a recipient's progress that is stored under key.
func AppendProgress(dst, key []byte, p *queue.Progress) []byte {
	start := len(dst)
	outcome := byte(p.Outcome)
	if p.Owed {
		outcome |= owed
	}
	dst = append(dst, Version, outcome)
	dst = binary.AppendVarint(dst, int64(p.Reply.Code))
	dst = appendString(dst, p.Reply.Enhanced)
	dst = appendString(dst, p.Reply.Text)
	dst = appendString(dst, p.Relay)
	dst = appendTime(dst, p.At)
	return seal(dst, start, key)
}

// Progress returns the progress that was stored under key.
func Progress(key, value []byte) (queue.Progress, error) {
	r, err := unseal(key, value)
	if err != nil {
		return queue.Progress{}, err
	}
	var p queue.Progress
	outcome := r.byte()
	p.Outcome, p.Owed = queue.Outcome(outcome&^owed), outcome&owed != 0
	p.Reply.Code = r.int()
	p.Reply.Enhanced = r.string()
	p.Reply.Text = r.string()
	p.Relay = r.string()
	p.At = r.time()
	if p.Outcome > queue.Expanded {
		r.fail()
	}
	return p, r.end()
}

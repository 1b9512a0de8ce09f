package store

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/codec"
)

// Commit makes the entry durable. A context that ends while the disk syncs does not stop it: the
// message is safe then, and the answer says so.
func (d *draft) Commit(ctx context.Context, env *mail.Envelope, head []byte, state queue.State, reason string) (*queue.Entry, error) {
	if err := d.check(ctx, env, state); err != nil {
		d.Abort()
		return nil, failed("Commit", d.id, err)
	}
	e := &queue.Entry{Envelope: *env, Size: int64(len(head)) + d.size()}
	e.ID = d.id
	e.Recipients = slices.Clone(env.Recipients)
	rec := queue.Record{State: state, Reason: reason}
	err := d.place()
	if err == nil {
		err = d.add(e, &rec, head)
	}
	d.release()
	if err != nil {
		return nil, failed("Commit", d.id, err)
	}
	return e, nil
}

// place makes the body file durable, if there is one. Invariant: it is, before the entry is
// written that speaks of it.
func (d *draft) place() error {
	if d.file == nil {
		return nil
	}
	if len(d.text) > 0 {
		if err := d.file.Append(d.text); err != nil {
			d.file.Discard()
			return err
		}
		d.text = d.text[:0]
	}
	return d.file.Place()
}

// add writes the entry and its index, and the text or what is needed to find it, in one batch.
func (d *draft) add(e *queue.Entry, rec *queue.Record, head []byte) error {
	s := d.store
	s.room.written.Add(int64(len(head) + len(d.text)))
	undone := func() {}
	if d.file != nil {
		undone = func() { s.removeBody(d.serial, d.id) }
	}
	s.rows.begin(d.serial)
	err := s.ledger.Add(func(b *pebble.Batch) error {
		return d.build(b, e, rec, head)
	}, func(b *pebble.Batch) error {
		return deleteEntry(b, d.serial, &row{rec: *rec}, nil)
	}, undone)
	if err != nil {
		s.rows.abandon(d.serial)
		return err
	}
	s.rows.committed(d.serial, &row{
		id: e.ID, rec: *rec, recipients: len(e.Recipients), size: e.Size, plain: rec.State == queue.Incoming,
	})
	return nil
}

func (d *draft) build(b *pebble.Batch, e *queue.Entry, rec *queue.Record, head []byte) error {
	key := entryKey(d.serial)
	buf := d.store.pool.get(smallLen)
	defer d.store.pool.put(buf)
	if err := b.Set(key, codec.AppendEntry(buf.bytes()[:0], key, e), nil); err != nil {
		return err
	}
	if err := d.putText(b, head); err != nil {
		return err
	}
	if rec.State != queue.Incoming {
		key := recordKey(d.serial)
		if err := b.Set(key, codec.AppendRecord(nil, key, rec), nil); err != nil {
			return err
		}
	}
	return b.Set(indexKey(rec.State, rec.Due, d.serial), []byte(e.ID), nil)
}

// putText writes the text to the batch; a small one is copied there only once.
func (d *draft) putText(b *pebble.Batch, head []byte) error {
	key := textKey(d.serial)
	if d.file != nil {
		return b.Set(key, codec.AppendFile(nil, key, head, d.file.Size(), d.file.Sums()), nil)
	}
	op := b.SetDeferred(len(key), codec.InlineLen(len(head)+len(d.text)))
	copy(op.Key, key)
	codec.PutInline(op.Value, key, head, d.text)
	return op.Finish()
}

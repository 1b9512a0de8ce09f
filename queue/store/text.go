package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/codec"
)

// Open returns the text of an entry. A text in the database is checked and copied to a borrowed
// buffer here; a body file is opened here, and checked block by block as it is read, so damage to
// it can show later: then ReadAt fails, the entry is moved to corrupt, and the error wraps
// codec.ErrDamaged.
func (s *Store) Open(id string) (mail.Content, error) {
	c, err := s.open(id)
	if errors.Is(err, codec.ErrDamaged) {
		if serial, err2 := s.find(id); err2 == nil {
			err = s.spoil(id, serial, err.Error())
		}
	}
	if err != nil {
		return nil, failed("Open", id, err)
	}
	return c, nil
}

func (s *Store) open(id string) (mail.Content, error) {
	serial, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if err := s.isThere(id, serial); err != nil {
		return nil, err
	}
	var c *inline
	var file codec.Text
	err = s.ledger.Read(func(db *pebble.DB) error {
		c, file, err = s.readText(db, textKey(serial))
		return err
	})
	if err != nil || !file.File {
		return content(c), err
	}
	body, err := s.bodies.Open(serial, file.Size, file.Sums, func(err error) {
		_ = s.spoil(id, serial, err.Error())
	})
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return answered{mail.Joined{First: c, Second: body}, id}, nil
}

// content keeps a nil pointer from becoming a content that is not nil.
func content(c *inline) mail.Content {
	if c == nil {
		return nil
	}
	return c
}

// readText copies what is in the database of a text.
func (s *Store) readText(db *pebble.DB, key []byte) (c *inline, file codec.Text, err error) {
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, file, fmt.Errorf("%w: the text is missing", codec.ErrDamaged)
	}
	if err != nil {
		return nil, file, err
	}
	text, err := codec.ParseText(key, value)
	if err == nil {
		c = s.pool.inline(text.Inline)
		file = codec.Text{File: text.File, Size: text.Size, Sums: append(codec.Sums(nil), text.Sums...)}
	}
	if err2 := closer.Close(); err == nil && err2 != nil {
		_ = c.Close()
		return nil, file, err2
	}
	return c, file, err
}

// isThere returns ErrNotFound unless there is an entry with this id.
func (s *Store) isThere(id string, serial uint64) error {
	if known, ok := s.rows.get(serial); ok && known.id == id {
		return nil
	}
	defer s.lockEntry(serial)()
	_, err := s.row(id, serial)
	return err
}

// row returns what must be known in order to change an entry, from memory or the disk. The caller
// holds the lock of the entry.
func (s *Store) row(id string, serial uint64) (*row, error) {
	if known, ok := s.rows.get(serial); ok {
		if known.id != id {
			return nil, queue.ErrNotFound
		}
		return known, nil
	}
	st, err := s.read(id, serial)
	if err != nil {
		return nil, err
	}
	if st.damaged() {
		return s.spoilLocked(id, serial, st.damage)
	}
	row := st.row(id)
	s.rows.put(serial, row)
	return row, nil
}

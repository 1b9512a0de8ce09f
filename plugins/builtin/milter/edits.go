package milter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// The most edits of one message, and the most bytes in them; a new body does not count.
const (
	maxEdits     = 10000
	maxEditBytes = 4 << 20
)

// edits are what a milter asks to change, kept until its last answer. A new body goes to the host
// as it comes: it is the host's to forget.
type edits struct {
	list []func(tx sdk.Tx) error
	size int
	body bool
	hold *string
	// look asks milter_header_checks about a field; verdict is what they decided about the message.
	look    func(field string) (value string, found bool, err error)
	verdict sdk.Verdict
}

var errShort = errors.New("an edit is cut short")

// take reads an answer; taken is false when it is no edit.
func (e *edits) take(ans byte, data []byte, tx sdk.Tx) (taken bool, err error) {
	if ans != ansReplBody {
		if e.size += len(data); e.size > maxEditBytes || len(e.list) >= maxEdits {
			return true, fmt.Errorf("more than %d edits or %d bytes of them", maxEdits, maxEditBytes)
		}
	}
	text, rest := cutText(data)
	switch ans {
	case ansAddRcpt, ansAddRcptPar:
		e.add(func(tx sdk.Tx) error { return tx.AddRcpt(plain(text)) })
	case ansDelRcpt:
		e.add(func(tx sdk.Tx) error { return delRcpt(tx, plain(text)) })
	case ansChgFrom:
		e.add(func(tx sdk.Tx) error { return tx.SetSender(plain(text)) })
	case ansAddHeader:
		value, _ := cutText(rest)
		e.field(text, value, func(tx sdk.Tx, name, value string) error { return tx.AddHeader(name, value) })
	case ansInsHeader, ansChgHeader:
		return true, e.takeIndexed(ans, data)
	case ansQuarantine:
		e.hold = &text
	case ansReplBody:
		return true, e.takeBody(data, tx)
	default:
		return false, nil
	}
	return true, nil
}

func (e *edits) add(f func(sdk.Tx) error) { e.list = append(e.list, f) }

func (e *edits) takeIndexed(ans byte, data []byte) error {
	n, rest, ok := cutNumber(data)
	if !ok {
		return errShort
	}
	name, rest := cutText(rest)
	value, _ := cutText(rest)
	i := int(min(n, 1<<20))
	if ans == ansInsHeader {
		e.field(name, value, func(tx sdk.Tx, name, value string) error { return fault(tx.Host.HdrAdd(name, value, i)) })
		return nil
	}
	if value == "" {
		e.add(func(tx sdk.Tx) error { return changeHeader(tx, max(i, 1), name, "", "") })
		return nil
	}
	e.field(name, value, func(tx sdk.Tx, put, value string) error { return changeHeader(tx, max(i, 1), name, put, value) })
	return nil
}

func (e *edits) takeBody(data []byte, tx sdk.Tx) error {
	if !e.body {
		if r := tx.Host.BodyBegin(); r != sdk.OK {
			return r
		}
		e.body = true
	}
	return fault(tx.Host.BodyWrite(data))
}

// apply makes the edits, in order.
func (e *edits) apply(tx sdk.Tx) error {
	for _, f := range e.list {
		if err := f(tx); err != nil {
			return fmt.Errorf("edit: %w", err)
		}
	}
	return nil
}

// changeHeader puts a field in the place of the nth of this name, from 1; an empty value deletes it. A
// field that is not there is added, as Sendmail does.
func changeHeader(tx sdk.Tx, n int, name, put, value string) error {
	i := -1
	for ; n > 0; n-- {
		if i = tx.Host.HdrFind(name, i+1); i < 0 {
			break
		}
	}
	switch {
	case i < 0 && value == "":
		return nil
	case i < 0:
		return tx.AddHeader(put, value)
	case value == "":
		return fault(tx.Host.HdrDel(i))
	case put == name:
		return fault(tx.Host.HdrSet(i, value))
	}
	if err := fault(tx.Host.HdrAdd(put, value, i)); err != nil {
		return err
	}
	return fault(tx.Host.HdrDel(i + 1))
}

// delRcpt removes a recipient by the address it has now or was given as, in any case.
func delRcpt(tx sdk.Tx, address string) error {
	for i := tx.Host.RcptCount() - 1; i >= 0; i-- {
		now, _ := tx.Host.RcptGet(i, sdk.RcptAddr)
		original, _ := tx.Host.RcptGet(i, sdk.RcptOriginal)
		if !strings.EqualFold(now, address) && !strings.EqualFold(original, address) {
			continue
		}
		if r := tx.Host.RcptDel(i); r != sdk.OK {
			return r
		}
	}
	return nil
}

// plain is an address without angle brackets.
func plain(a string) string {
	a = strings.TrimSpace(a)
	if len(a) >= 2 && a[0] == '<' && a[len(a)-1] == '>' {
		return a[1 : len(a)-1]
	}
	return a
}

func fault(e sdk.Errno) error {
	if e == sdk.OK {
		return nil
	}
	return e
}

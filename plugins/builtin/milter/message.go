package milter

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// message sends header and body and takes what the milter makes of them.
func (s *session) message(ctx context.Context, tx sdk.Tx) (sdk.Verdict, error) {
	s.w.limit(s.m.o.contentTimeout)
	for _, part := range []func(sdk.Tx) (byte, []byte, error){s.header, s.body} {
		ans, data, err := part(tx)
		if err != nil {
			return s.fail(tx, "eom", err), nil
		}
		if v := s.decide(sdk.PointEOM, ans, data, tx); v.Action != sdk.ActContinue || s.done || s.over {
			s.abandon(tx)
			return v, nil
		}
	}
	return s.end(ctx, tx)
}

// abandon ends a transaction that was decided before its end.
func (s *session) abandon(tx sdk.Tx) {
	if s.over {
		return
	}
	if err := s.abort(); err != nil {
		s.fail(tx, "abort", err)
	}
	s.done = true
}

// header sends the fields and the end of the header. The answer is the first that is no continue.
func (s *session) header(tx sdk.Tx) (ans byte, data []byte, err error) {
	limit := s.m.o.contentTimeout
	for i := range tx.Host.HdrCount() {
		raw, e := tx.Host.HdrGet(i, sdk.PartRaw)
		if e != sdk.OK {
			return 0, nil, e
		}
		s.w.limit(limit)
		s.buf = s.appendField(s.buf[:0], raw)
		if ans, data, err = s.tell(cmdHeader, s.buf, limit); err != nil || ans != ansContinue {
			return ans, data, err
		}
	}
	return s.step(stageEOH, cmdEOH, nil, tx, limit)
}

// appendField appends a field as the protocol has it: name, NUL, value, NUL, with lines that end in
// LF. Without a leadingSpace agreed on, the first space behind the colon is left out.
func (s *session) appendField(b, raw []byte) []byte {
	name, value, _ := bytes.Cut(raw, []byte(":"))
	if s.steps&leadingSpace == 0 {
		value = bytes.TrimPrefix(value, []byte(" "))
	}
	b = append(append(b, bytes.TrimRight(name, " \t")...), 0)
	for _, c := range value {
		if c != '\r' && c != 0 {
			b = append(b, c)
		}
	}
	return append(b, 0)
}

// body sends the body in chunks, until the milter has had enough.
func (s *session) body(tx sdk.Tx) (byte, []byte, error) {
	if s.steps&unwanted[cmdBody] != 0 {
		return ansContinue, nil, nil
	}
	limit := s.m.o.contentTimeout
	chunk := make([]byte, min(maxChunk, max(tx.Host.BodySize(), 1)))
	for off := int64(0); ; {
		n, e := tx.Host.BodyRead(off, chunk)
		if e != sdk.OK {
			return 0, nil, e
		}
		if n == 0 {
			return ansContinue, nil, nil
		}
		off += int64(n)
		s.w.limit(limit)
		ans, data, err := s.tell(cmdBody, chunk[:n], limit)
		switch {
		case err != nil:
			return 0, nil, err
		case ans == ansSkip:
			return ansContinue, nil, nil
		case ans != ansContinue:
			return ans, data, nil
		}
	}
}

// end sends the end of the message, takes the edits and, with the last answer, applies them.
func (s *session) end(ctx context.Context, tx sdk.Tx) (sdk.Verdict, error) {
	limit := s.m.o.contentTimeout
	s.w.limit(limit)
	err := s.sendMacros(stageEOM, cmdEOM, tx)
	if err == nil {
		err = s.w.send(cmdEOM, nil)
	}
	e := edits{look: func(field string) (string, bool, error) { return s.m.o.checks.Lookup(ctx, field) }}
	for err == nil {
		var ans byte
		var data []byte
		if ans, data, err = s.w.read(limit); err != nil {
			break
		}
		var taken bool
		if taken, err = e.take(ans, data, tx); err != nil || taken {
			s.w.limit(limit)
			continue
		}
		s.inMail = false
		return s.settle(&e, ans, data, tx)
	}
	v := s.fail(tx, "eom", err)
	if e.body && (v.Action == sdk.ActContinue || v.Action == sdk.ActHold) {
		return v, fmt.Errorf("the milter failed in the middle of a new body: %w", err)
	}
	return v, nil
}

// settle applies the edits when the message is taken.
func (s *session) settle(e *edits, ans byte, data []byte, tx sdk.Tx) (sdk.Verdict, error) {
	v := s.decide(sdk.PointEOM, ans, data, tx)
	s.done = true
	if e.body {
		if r := tx.Host.BodyEnd(); r != sdk.OK {
			return v, r
		}
	}
	if v.Action != sdk.ActContinue {
		return v, nil
	}
	if err := e.apply(tx); err != nil {
		return v, err
	}
	if e.verdict.Action != sdk.ActContinue {
		return e.verdict, nil
	}
	if e.hold != nil {
		return sdk.Hold(strings.TrimSpace("milter: " + *e.hold)), nil
	}
	return v, nil
}

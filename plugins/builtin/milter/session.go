package milter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// What the milter wants not to be told (bits 0–9) and not to answer (the others), by command.
var (
	unwanted = map[byte]uint32{cmdConnect: 1 << 0, cmdHelo: 1 << 1, cmdMail: 1 << 2, cmdRcpt: 1 << 3,
		cmdBody: 1 << 4, cmdHeader: 1 << 5, cmdEOH: 1 << 6, cmdData: 1 << 9}
	unanswered = map[byte]uint32{cmdHeader: 1 << 7, cmdConnect: 1 << 12, cmdHelo: 1 << 13, cmdMail: 1 << 14,
		cmdRcpt: 1 << 15, cmdData: 1 << 16, cmdEOH: 1 << 18, cmdBody: 1 << 19}
)

const leadingSpace = 1 << 20 // the space behind a header's colon is part of its value

// offers are the actions and steps that each version of the protocol knows; step 11 (rejected
// recipients) is not offered.
func offers(version uint32) (actions, steps uint32) {
	switch version {
	case 2:
		return 0x3f, 0x7f
	case 3:
		return 0x3f, 0x17f
	case 4:
		return 0x3f, 0x3ff
	}
	return 0x1ff, 0x1fffff &^ (1 << 11)
}

// session is a connection to the milter, for one SMTP connection or one other message. One
// goroutine uses it.
type session struct {
	m      *Module
	w      *wire
	smtp   bool
	steps  uint32
	macros [numStages][]string
	buf    []byte
	rcpt   string // the recipient that is being asked about
	inMail bool   // the milter has a transaction open
	// done: it has decided about this message; over: about this connection, with verdict.
	done, over bool
	verdict    sdk.Verdict
}

// open connects and negotiates.
func (m *Module) open(ctx context.Context, smtp bool) (*session, error) {
	d := net.Dialer{Timeout: m.o.connectTimeout}
	c, err := d.DialContext(ctx, m.o.network, m.o.address)
	if err != nil {
		return nil, err
	}
	s := &session{m: m, w: newWire(c), smtp: smtp}
	for i, list := range m.o.macros {
		s.macros[i] = fields(list)
	}
	s.w.limit(m.o.connectTimeout)
	if err := s.negotiate(); err != nil {
		c.Close()
		return nil, fmt.Errorf("negotiation: %w", err)
	}
	return s, nil
}

func (s *session) negotiate() error {
	o := &s.m.o
	actions, steps := offers(o.version)
	var b [12]byte
	binary.BigEndian.PutUint32(b[:], o.version)
	binary.BigEndian.PutUint32(b[4:], actions)
	binary.BigEndian.PutUint32(b[8:], steps)
	if err := s.w.send(cmdOptNeg, b[:]); err != nil {
		return err
	}
	ans, data, err := s.w.read(o.connectTimeout)
	if err != nil {
		return err
	}
	if ans != cmdOptNeg || len(data) < len(b) {
		return fmt.Errorf("unexpected answer %q", ans)
	}
	if v := binary.BigEndian.Uint32(data); v < 2 || v > o.version {
		return fmt.Errorf("the milter speaks version %d, not %d (milter_protocol)", v, o.version)
	}
	s.steps = binary.BigEndian.Uint32(data[8:]) & steps
	if o.noHeaderReply {
		s.steps |= unanswered[cmdHeader]
	}
	return s.wishes(data[12:])
}

// wishes reads the macros that the milter asks for, a list per stage.
func (s *session) wishes(data []byte) error {
	for len(data) > 0 {
		n, rest, ok := cutNumber(data)
		if !ok {
			return errors.New("a list of macros is cut short")
		}
		var list string
		list, data = cutText(rest)
		if int(n) < len(stageOfNumber) {
			s.macros[stageOfNumber[n]] = fields(list)
		}
	}
	return nil
}

// step sends macros and a command and returns the milter's answer: continue when it wants none of
// it.
func (s *session) step(st stage, cmd byte, data []byte, tx sdk.Tx, limit time.Duration) (byte, []byte, error) {
	if s.steps&unwanted[cmd] != 0 {
		return ansContinue, nil, nil
	}
	s.w.limit(limit)
	if err := s.sendMacros(st, cmd, tx); err != nil {
		return 0, nil, err
	}
	return s.tell(cmd, data, limit)
}

// sendMacros sends the macros of a stage ahead of the command.
func (s *session) sendMacros(st stage, cmd byte, tx sdk.Tx) error {
	s.buf = s.appendMacros(append(s.buf[:0], cmd), st, tx)
	if len(s.buf) == 1 {
		return nil
	}
	return s.w.send(cmdMacro, s.buf)
}

// tell sends a command without macros.
func (s *session) tell(cmd byte, data []byte, limit time.Duration) (byte, []byte, error) {
	if s.steps&unwanted[cmd] != 0 {
		return ansContinue, nil, nil
	}
	if err := s.w.send(cmd, data); err != nil {
		return 0, nil, err
	}
	if s.steps&unanswered[cmd] != 0 {
		return ansContinue, nil, nil
	}
	return s.w.read(limit)
}

// abort ends the transaction, if there is one.
func (s *session) abort() error {
	s.done, s.rcpt = false, ""
	if !s.inMail {
		return nil
	}
	s.inMail = false
	s.w.limit(s.m.o.commandTimeout)
	if err := s.w.send(cmdAbort, nil); err != nil {
		return err
	}
	return s.w.w.Flush()
}

// quitTime limits the goodbye, which nobody waits for.
const quitTime = time.Second

// close says goodbye.
func (s *session) close() {
	if s.w == nil {
		return
	}
	s.w.limit(quitTime)
	s.w.send(cmdQuit, nil)
	s.w.w.Flush()
	s.w.c.Close()
	s.w = nil
}

package milter

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// maxSessions is the most connections to one milter at a time.
const maxSessions = 10000

// Module is one milter. Safe for concurrent use; the hooks of one connection come one after
// another.
type Module struct {
	name string
	o    options

	mu       sync.Mutex
	sessions map[uint64]*session // by the number stashed with the SMTP connection
	last     uint64
}

var _ sdk.Module = (*Module)(nil)

// New reads the configuration (README.md) of the milter called name. It does not connect.
func New(name string, config map[string]string) (sdk.Module, error) {
	o, err := readOptions(config)
	if err != nil {
		return nil, err
	}
	return &Module{name: name, o: o, sessions: map[uint64]*session{}}, nil
}

// Manifest says at which points the milter is asked.
func (m *Module) Manifest() sdk.Manifest {
	var hooks sdk.Points
	if m.o.mail != "local" {
		for _, p := range []sdk.Point{sdk.PointConnect, sdk.PointHelo, sdk.PointMail, sdk.PointRcpt, sdk.PointData, sdk.PointAbort} {
			hooks = hooks.With(p)
		}
	}
	return sdk.Manifest{Name: m.name, Kind: "builtin", Hooks: hooks.With(sdk.PointEOM), Needs: []string{sdk.CapEdit}}
}

// LogWord makes the log lines of its decisions "milter-reject" and so on, as Postfix's are.
func (m *Module) LogWord() string { return "milter" }

// Close closes the connections that are left; their SMTP connections have ended.
func (m *Module) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n, s := range m.sessions {
		s.close()
		delete(m.sessions, n)
	}
	return m.o.checks.Close()
}

// Call asks the milter. What ctx says of time does not count, milter_*_timeout do; when ctx ends,
// the wait for the milter does.
func (m *Module) Call(ctx context.Context, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	tx := sdk.Tx{Host: h}
	smtp := tx.OriginKind() == "smtp"
	if !smtp {
		return m.local(ctx, p, tx)
	}
	s := m.find(tx)
	if s == nil {
		if p != sdk.PointConnect && p != sdk.PointHelo && p != sdk.PointMail || m.o.mail == "local" {
			return sdk.ActContinue, nil // mail that comes anew out of the queue
		}
		s = m.begin(ctx, tx)
		if p != sdk.PointConnect && !s.over {
			if v, over := s.greet(ctx, tx, p); over {
				return sdk.Answer(h, v), nil
			}
		}
	}
	v, err := s.hook(ctx, p, tx)
	return sdk.Answer(h, v), err
}

// local asks about mail that did not come by SMTP: everything at once, at eom.
func (m *Module) local(ctx context.Context, p sdk.Point, tx sdk.Tx) (sdk.Action, error) {
	if p != sdk.PointEOM || m.o.mail == "smtp" || !m.asksAbout(tx) {
		return sdk.ActContinue, nil
	}
	s, err := m.open(ctx, false)
	if err != nil {
		s = &session{m: m}
		return sdk.Answer(tx.Host, s.fail(tx, "connect", err)), nil
	}
	defer s.close()
	for _, p := range []sdk.Point{sdk.PointConnect, sdk.PointHelo, sdk.PointMail, sdk.PointRcpt, sdk.PointData, sdk.PointEOM} {
		v, err := s.hook(ctx, p, tx)
		if v.Action != sdk.ActContinue || err != nil {
			return sdk.Answer(tx.Host, v), err
		}
	}
	return sdk.ActContinue, nil
}

// asksAbout reports whether the milter is asked about mail that did not come by SMTP: that of sendmail,
// and notices of ours that the setting internal names.
func (m *Module) asksAbout(tx sdk.Tx) bool {
	switch tx.OriginKind() {
	case "sendmail":
		return true
	case "bounce":
		return slices.Contains(m.o.internal, tx.Property("origin.service"))
	}
	return false
}

// stashed is the key under which the number of the session is kept with the SMTP connection.
const stashed = "session"

func (m *Module) find(tx sdk.Tx) *session {
	v := tx.Stashed(sdk.ScopeConnection, stashed)
	if len(v) != 8 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[binary.BigEndian.Uint64(v)]
}

// begin opens the session of an SMTP connection. When that fails, the session is one that has
// decided already.
func (m *Module) begin(ctx context.Context, tx sdk.Tx) *session {
	m.mu.Lock()
	full := len(m.sessions) >= maxSessions
	m.mu.Unlock()
	var s *session
	err := fmt.Errorf("%d connections are open", maxSessions)
	if !full {
		s, err = m.open(ctx, true)
	}
	if err != nil {
		s = &session{m: m, smtp: true}
		s.fail(tx, "connect", err)
	}
	if full {
		return s
	}
	m.mu.Lock()
	m.last++
	n := m.last
	m.sessions[n] = s
	m.mu.Unlock()
	if err := tx.Stash(sdk.ScopeConnection, stashed, binary.BigEndian.AppendUint64(nil, n)); err != nil {
		m.forget(n)
		s.fail(tx, "connect", err)
	}
	return s
}

// Disconnected closes the session of an SMTP connection that has ended.
func (m *Module) Disconnected(h sdk.Host) {
	if v := (sdk.Tx{Host: h}).Stashed(sdk.ScopeConnection, stashed); len(v) == 8 {
		m.forget(binary.BigEndian.Uint64(v))
	}
}

func (m *Module) forget(n uint64) {
	m.mu.Lock()
	s := m.sessions[n]
	delete(m.sessions, n)
	m.mu.Unlock()
	if s != nil {
		s.close()
	}
}

// greet tells a milter that is met in the middle of a connection (a plugin that was narrowed to
// later hooks) what went before.
func (s *session) greet(ctx context.Context, tx sdk.Tx, p sdk.Point) (sdk.Verdict, bool) {
	points := []sdk.Point{sdk.PointConnect, sdk.PointHelo}
	if p == sdk.PointHelo {
		points = points[:1]
	}
	for _, p := range points {
		if v, err := s.hook(ctx, p, tx); v.Action != sdk.ActContinue || err != nil {
			return v, true
		}
	}
	return sdk.Continue, s.over
}

// hook asks about one point, unless the milter has decided already.
func (s *session) hook(ctx context.Context, p sdk.Point, tx sdk.Tx) (sdk.Verdict, error) {
	if p == sdk.PointMail {
		s.done = false
	}
	if s.over {
		return s.standing(p), nil
	}
	if s.done && p != sdk.PointAbort {
		return sdk.Continue, nil
	}
	c := s.w.c
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	switch p {
	case sdk.PointEOM:
		return s.message(ctx, tx)
	case sdk.PointAbort:
		if err := s.abort(); err != nil {
			s.fail(tx, "abort", err)
		}
		return sdk.Continue, nil
	}
	return s.command(p, tx)
}

// standing is what holds for a connection about which all is decided.
func (s *session) standing(p sdk.Point) sdk.Verdict {
	switch {
	case p == sdk.PointAbort:
		return sdk.Continue
	case s.verdict.Action == sdk.ActHold && p != sdk.PointEOM:
		return sdk.Continue
	}
	return s.verdict
}

// command tells the milter of an SMTP command.
func (s *session) command(p sdk.Point, tx sdk.Tx) (sdk.Verdict, error) {
	limit := s.m.o.commandTimeout
	var ans byte
	var data []byte
	var err error
	switch p {
	case sdk.PointConnect:
		ans, data, err = s.step(stageConnect, cmdConnect, s.client(tx), tx, limit)
	case sdk.PointHelo:
		ans, data, err = s.step(stageHelo, cmdHelo, appendText(nil, s.helo(tx)), tx, limit)
	case sdk.PointMail:
		if err = s.abort(); err == nil {
			s.inMail = true
			ans, data, err = s.step(stageMail, cmdMail, address(tx.Sender(), tx.Property("mail.params")), tx, limit)
		}
	case sdk.PointRcpt:
		return s.rcpts(tx)
	case sdk.PointData:
		ans, data, err = s.step(stageData, cmdData, nil, tx, limit)
	default:
		return sdk.Continue, nil
	}
	if err != nil {
		return s.fail(tx, p.String(), err), nil
	}
	return s.decide(p, ans, data, tx), nil
}

// rcpts tells the milter of the recipient that a hook is about, or of all.
func (s *session) rcpts(tx sdk.Tx) (sdk.Verdict, error) {
	if s.smtp {
		return s.oneRcpt(tx.Rcpt(), tx.Property("rcpt.params"), tx), nil
	}
	for _, r := range tx.Recipients() {
		if v := s.oneRcpt(r, "", tx); v.Action != sdk.ActContinue || s.done {
			return v, nil
		}
	}
	return sdk.Continue, nil
}

func (s *session) oneRcpt(rcpt, params string, tx sdk.Tx) sdk.Verdict {
	s.rcpt = rcpt
	ans, data, err := s.step(stageRcpt, cmdRcpt, address(rcpt, params), tx, s.m.o.commandTimeout)
	s.rcpt = ""
	if err != nil {
		return s.fail(tx, "rcpt", err)
	}
	return s.decide(sdk.PointRcpt, ans, data, tx)
}

// client is the data of the connect command: name, family, port, address.
func (s *session) client(tx sdk.Tx) []byte {
	addr := s.clientAddr(tx)
	f := family(addr)
	b := append(appendText(nil, s.clientName(tx)), f)
	if f == 'U' {
		return b
	}
	port, _ := strconv.ParseUint(tx.Property("client.port"), 10, 16)
	return appendText(binary.BigEndian.AppendUint16(b, uint16(port)), addr)
}

func (s *session) helo(tx sdk.Tx) string {
	if !s.smtp {
		return s.m.o.hostname
	}
	return tx.Helo()
}

// address is the data of the mail and rcpt commands: the address in angle brackets, then the
// parameters.
func address(a, params string) []byte {
	b := appendText(nil, "<"+a+">")
	for _, p := range fields(params) {
		b = appendText(b, p)
	}
	return b
}

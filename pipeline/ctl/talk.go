package ctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
)

// maxNote bounds the lines that one request may write to the mail log, in bytes.
const maxNote = 1 << 20

func escape(s string) string      { return url.PathEscape(s) }
func escapeQuery(s string) string { return url.QueryEscape(s) }

type endKey struct{}

// withEnd puts the context of the server into that of a connection.
func withEnd(ctx, end context.Context) context.Context { return context.WithValue(ctx, endKey{}, end) }

// Levels are the priorities of a log line, as postlog -p names them.
func Levels() []string { return []string{"info", "warn", "warning", "error", "fatal", "panic"} }

// note answers POST /v1/log. Whoever is not an admin cannot speak for a service of mtad: tools that
// ban clients read the log.
func (s *Server) note(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	tag, level := q.Get("tag"), q.Get("level")
	if len(tag) > maxID || !slices.Contains(Levels(), level) {
		return status.New(501, "5.5.4", "Bad tag or level")
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(headTimeout)); err != nil {
		return err
	}
	who := ""
	if uid := peer(r); !s.isAdmin(uid) {
		tag, who = "", fmt.Sprintf("uid=%d: ", uid)
	}
	in := bufio.NewScanner(http.MaxBytesReader(w, r.Body, maxNote))
	for in.Scan() {
		s.b.Note(status.Clean(tag), level, who+status.Clean(in.Text()))
	}
	if err := in.Err(); err != nil {
		return status.New(501, "5.5.2", "Cannot read the lines").Because(err)
	}
	return reply(w, http.StatusOK, answered{})
}

// Note writes lines to the mail log; see Backend.Note. A caller who is neither root nor the daemon's
// user is named in them, and has the default tag.
func (c *Client) Note(ctx context.Context, tag, level string, lines []string) error {
	body := strings.Join(lines, "\n") + "\n"
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	q := url.Values{"tag": {tag}, "level": {level}}
	resp, err := c.send(ctx, http.MethodPost, "/v1/log?"+q.Encode(), strings.NewReader(body), int64(len(body)))
	if err != nil {
		return err
	}
	return decode(resp, nil)
}

// smtp answers POST /v1/smtp: from there on the connection carries an SMTP session.
func (s *Server) smtp(w http.ResponseWriter, r *http.Request) error {
	end, ok := r.Context().Value(endKey{}).(context.Context)
	if !ok || !strings.EqualFold(r.Header.Get("Upgrade"), "smtp") {
		return status.New(501, "5.5.4", "The request must ask for an upgrade to smtp")
	}
	s.sessions.Add(1)
	defer s.sessions.Done()
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close() // an error says that the session has closed it
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: smtp\r\n\r\n"); err != nil {
		return nil // nobody is there to be told
	}
	if err := s.b.Session(end, &upgraded{conn, rw.Reader}, peer(r)); err != nil {
		s.o.Log.Warning("control socket: SMTP session: " + err.Error())
	}
	return nil
}

// upgraded is a connection of which some was read already.
type upgraded struct {
	net.Conn
	r *bufio.Reader
}

// Read reads what was read ahead first.
func (u *upgraded) Read(p []byte) (int, error) { return u.r.Read(p) }

// Session opens an SMTP session with the daemon on the control socket. Close the result. After
// ErrDown no daemon runs.
func (c *Client) Session(ctx context.Context) (io.ReadWriteCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://mtad/v1/smtp", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "smtp")
	resp, err := c.answer(req, http.StatusSwitchingProtocols)
	if err != nil {
		return nil, err
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		return nil, errors.Join(errors.New("control socket: no session"), resp.Body.Close())
	}
	return conn, nil
}

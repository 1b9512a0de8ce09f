package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/pickup"
	"github.com/mtad/mtad/pipeline/pickup/drop"
	"github.com/mtad/mtad/queue"
)

// maxID is the longest queue id or domain that a request may name, in bytes.
const maxID = 255

// failTrailer carries the Reply of a listing that failed in the middle.
const failTrailer = "Mtad-Failure"

var errUnknown = status.New(502, "5.5.1", "The control socket has no such request")

// Reply is what an answer with an HTTP status from 400 on holds.
type Reply struct {
	Code     int    `json:"code"`
	Enhanced string `json:"enhanced"`
	Text     string `json:"text"`
	// Cause is told to root and the daemon's user only.
	Cause string `json:"cause,omitempty"`
}

// answered is what the requests that change something answer.
type answered struct {
	ID string `json:"id,omitempty"`
	N  int    `json:"n,omitempty"`
}

// guard lets a request through to fn if its peer has the right.
func (s *Server) guard(what right, fn func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uid := peer(r)
		err := s.allow(uid, what)
		if err == nil {
			err = fn(w, r)
		}
		if err != nil {
			refuse(w, r, s.isAdmin(uid), err)
		}
	})
}

// act is guard for a request without a body, whose answer is one JSON value.
func (s *Server) act(what right, fn func(*http.Request) (any, error)) http.Handler {
	return s.guard(what, func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), actTimeout)
		defer cancel()
		v, err := fn(r.WithContext(ctx))
		if err != nil {
			return err
		}
		if v == nil {
			v = answered{}
		}
		return reply(w, http.StatusOK, v)
	})
}

// one is act for what is done to one entry.
func (s *Server) one(fn func(context.Context, string) error) http.Handler {
	return s.act(admin, func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		if len(id) > maxID {
			return nil, queue.ErrNotFound
		}
		return answered{ID: id}, fn(r.Context(), id)
	})
}

func (s *Server) status(r *http.Request) (any, error) { return s.b.Status(r.Context()) }

func (s *Server) flush(r *http.Request) (any, error) {
	q := r.URL.Query()
	site, id := q.Get("fast"), q.Get("id")
	switch {
	case len(site) > maxID || len(id) > maxID || site != "" && id != "":
		return nil, status.New(501, "5.5.4", "Bad site or queue id")
	case site != "":
		n, err := s.b.FlushSite(r.Context(), site)
		return answered{N: n}, err
	case id != "":
		return answered{ID: id}, s.b.FlushID(r.Context(), id)
	}
	sel, err := ParseSelector(q)
	if err != nil {
		return nil, err
	}
	var match func(*queue.Entry, *queue.Record) bool
	if !sel.IsZero() {
		now := time.Now()
		match = func(e *queue.Entry, r *queue.Record) bool { return sel.Match(now, e, r) }
	}
	n, err := s.b.Flush(r.Context(), match)
	return answered{N: n}, err
}

// list streams the queue. A reader that takes nothing for writeTimeout is cut off.
func (s *Server) list(w http.ResponseWriter, r *http.Request) error {
	sel, err := ParseSelector(r.URL.Query())
	if err != nil {
		return err
	}
	out := newLines(w)
	var line []byte
	err = List(r.Context(), s.b, &sel, func(e *queue.Entry, rec *queue.Record) bool {
		it := Describe(e, rec)
		line = it.AppendJSON(line[:0])
		_, out.err = out.w.Write(line)
		return out.err == nil
	})
	s.endLines(w, r, out, err)
	return nil
}

// deadlined gives each write its time.
type deadlined struct {
	w  io.Writer
	rc *http.ResponseController
}

// Write writes p within writeTimeout.
func (d deadlined) Write(p []byte) (int, error) {
	if err := d.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return d.w.Write(p)
}

// submit queues a message.
func (s *Server) submit(w http.ResponseWriter, r *http.Request) error {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(submitTimeout)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), submitTimeout)
	defer cancel()
	env, text, err := drop.Decode(r.Body)
	if err == nil {
		env.Origin = pickup.Origin(peer(r))
		var id string
		id, err = s.b.Submit(ctx, env, pickup.Announce(s.o.Log, env, text))
		if err == nil {
			return reply(w, http.StatusOK, answered{ID: id})
		}
	}
	// The rest of a refused message is read: a client that is still writing would see its
	// connection break instead of the reason.
	if _, drainErr := io.CopyN(io.Discard, r.Body, drainBytes); drainErr != nil && !errors.Is(drainErr, io.EOF) {
		err = errors.Join(err, drainErr)
	}
	if errors.Is(err, drop.ErrDamaged) {
		err = status.New(554, "5.6.0", "Submission is damaged").Because(err)
	}
	return err
}

func reply(w http.ResponseWriter, code int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("ctl: answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(b, '\n')) // a peer that left hears nothing
	return nil
}

// refuse answers an error.
func refuse(w http.ResponseWriter, _ *http.Request, isAdmin bool, err error) {
	_ = reply(w, httpCode(err), replyOf(err, isAdmin)) // plain fields: it cannot fail
}

func replyOf(err error, isAdmin bool) Reply {
	if errors.Is(err, queue.ErrNotFound) {
		err = status.New(550, "5.1.0", "No such queue entry").Because(err)
	}
	e := status.From(err)
	r := Reply{Code: e.Reply.Code, Enhanced: e.Reply.Enhanced, Text: status.Clean(e.Reply.Text)}
	if isAdmin && e.Cause != nil {
		r.Cause = status.Clean(e.Cause.Error())
	}
	return r
}

// httpCode is the HTTP status for an error, for whoever talks to the socket with curl.
func httpCode(err error) int {
	e := status.From(err)
	switch {
	case errors.Is(err, queue.ErrNotFound), errors.Is(err, errUnknown):
		return http.StatusNotFound
	case e.Temporary():
		return http.StatusServiceUnavailable
	case strings.HasPrefix(e.Reply.Enhanced, "5.7."):
		return http.StatusForbidden
	}
	return http.StatusUnprocessableEntity
}

// quiet returns where net/http logs: what a peer did wrong is for the mail log.
func quiet(l *maillog.Service) *log.Logger { return log.New(lineWriter{l}, "", 0) }

type lineWriter struct{ l *maillog.Service }

// Write logs one line.
func (w lineWriter) Write(p []byte) (int, error) {
	w.l.Warning("control socket: " + strings.TrimSpace(string(p)))
	return len(p), nil
}

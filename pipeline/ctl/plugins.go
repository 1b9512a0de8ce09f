package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/queue"
)

// maxTrace bounds an answer about traces, in bytes.
const maxTrace = 32 << 20

// Watched is what the daemon tells about its plugins. Safe for concurrent use.
type Watched interface {
	// Plugins are the accounts of the plugins in force.
	Plugins() []hook.PluginStats
	// Trace keeps what plugins do with messages.
	Trace() *trace.Recorder
}

// watch adds the requests about plugins.
func (s *Server) watch(m *http.ServeMux) {
	m.Handle("GET /v1/plugins", s.act(look, func(*http.Request) (any, error) { return s.b.Plugins(), nil }))
	m.Handle("GET /v1/trace", s.act(admin, func(*http.Request) (any, error) { return s.b.Trace().State(), nil }))
	m.Handle("GET /v1/trace/{id}", s.act(admin, func(r *http.Request) (any, error) {
		rec, ok := s.b.Trace().Find(r.PathValue("id"))
		if !ok {
			return nil, queue.ErrNotFound
		}
		return rec, nil
	}))
	m.Handle("POST /v1/trace", s.act(admin, s.startTrace))
	m.Handle("DELETE /v1/trace", s.act(admin, func(r *http.Request) (any, error) {
		s.b.Trace().Stop()
		if r.URL.Query().Get("records") == "1" {
			s.b.Trace().Forget()
		}
		return nil, nil
	}))
}

func (s *Server) startTrace(r *http.Request) (any, error) {
	var rule trace.Rule
	b, err := io.ReadAll(io.LimitReader(r.Body, maxHeadBytes))
	if err == nil {
		err = json.Unmarshal(b, &rule)
	}
	if err != nil || max(len(rule.From), len(rule.To), len(rule.Client)) > maxID {
		return nil, status.New(501, "5.5.4", "Bad pattern or time").Because(err)
	}
	if err := s.b.Trace().Start(rule); err != nil {
		return nil, status.New(501, "5.5.4", "%s", err)
	}
	// Who looks into mail is on record, where the mail is.
	s.b.Note("trace", "info", status.Clean(fmt.Sprintf("uid=%d traces messages: from=<%s> to=<%s> client=<%s> until %s",
		peer(r), rule.From, rule.To, rule.Client, rule.Until.Format(time.RFC3339))))
	return nil, nil
}

// Plugins returns the accounts of the plugins in force, in the order in which they were loaded.
func (c *Client) Plugins(ctx context.Context) ([]hook.PluginStats, error) {
	var all []hook.PluginStats
	err := c.fetch(ctx, "/v1/plugins", &all)
	return all, err
}

// StartTrace has messages traced that a rule means.
func (c *Client) StartTrace(ctx context.Context, rule trace.Rule) error {
	b, err := json.Marshal(rule)
	if err != nil {
		return err
	}
	resp, err := c.send(ctx, http.MethodPost, "/v1/trace", strings.NewReader(string(b)), int64(len(b)))
	if err != nil {
		return err
	}
	return decode(resp, nil)
}

// StopTrace ends all rules, and with forget drops what was recorded.
func (c *Client) StopTrace(ctx context.Context, forget bool) error {
	path := "/v1/trace"
	if forget {
		path += "?records=1"
	}
	return c.do(ctx, headTimeout, http.MethodDelete, path, nil, nil)
}

// Traces returns the rules in force and the records, without their steps.
func (c *Client) Traces(ctx context.Context) (trace.State, error) {
	var st trace.State
	err := c.fetch(ctx, "/v1/trace", &st)
	return st, err
}

// Traced returns the record of a message; queue.ErrNotFound when there is none.
func (c *Client) Traced(ctx context.Context, id string) (trace.Record, error) {
	var rec trace.Record
	err := c.fetch(ctx, "/v1/trace/"+escape(id), &rec)
	return rec, err
}

// fetch reads an answer that may be long.
func (c *Client) fetch(ctx context.Context, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	resp, err := c.send(ctx, http.MethodGet, path, nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(io.LimitReader(resp.Body, maxTrace)).Decode(v)
}

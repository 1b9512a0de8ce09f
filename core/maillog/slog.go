package maillog

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
)

// Slog returns a structured logger that writes under this service's tag: warnings and errors
// with Postfix's words, attributes as key=value behind the text.
func (s *Service) Slog() *slog.Logger { return slog.New(&handler{s: s, min: slog.LevelInfo}) }

// SlogAt is Slog from another level on.
func (s *Service) SlogAt(min slog.Level) *slog.Logger { return slog.New(&handler{s: s, min: min}) }

type handler struct {
	s     *Service
	min   slog.Level
	group string
	attrs string
}

// Enabled reports whether the level is logged.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.min }

// Handle writes one record.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool { h.attr(&b, a); return true })
	switch {
	case r.Level >= slog.LevelError:
		h.s.Error(b.String())
	case r.Level >= slog.LevelWarn:
		h.s.Warning(b.String())
	default:
		h.s.Info(b.String())
	}
	return nil
}

func (h *handler) attr(b *strings.Builder, a slog.Attr) {
	v := a.Value.Resolve().String()
	if v == "" || strings.ContainsAny(v, " \"=") {
		v = strconv.Quote(v)
	}
	b.WriteByte(' ')
	b.WriteString(h.group)
	b.WriteString(a.Key)
	b.WriteByte('=')
	b.WriteString(v)
}

// WithAttrs returns a handler that adds attrs to each record.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		h.attr(&b, a)
	}
	c.attrs = b.String()
	return &c
}

// WithGroup returns a handler that puts name before each key.
func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}

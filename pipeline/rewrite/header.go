package rewrite

import (
	"bytes"
	"context"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/readdress"
)

// HeaderContext says how the header of a message is rewritten (postconf(5)
// local_header_rewrite_clients). The zero HeaderContext leaves it as it came.
type HeaderContext struct {
	// Local: addresses are completed with myorigin and mydomain.
	Local bool
	// Domain completes them otherwise (remote_header_rewrite_domain).
	Domain string
	// NoMaps leaves canonical maps and masquerading out (receive_override_options).
	NoMaps bool
	// Last rewrites what the maps made of an address of a field of senders (HeaderSender) or
	// recipients; nil for nobody. An error is temporary.
	Last func(ctx context.Context, place Classes, address string) (string, error)
}

func placeOf(f mail.Field) Classes {
	switch readdress.KindOf(f) {
	case readdress.OfSenders:
		return HeaderSender
	case readdress.OfRecipients:
		return HeaderRecipient
	}
	return 0
}

// Header rewrites the addresses of a header in place: standard form, canonical maps, masquerading.
// Only the bytes of addresses that change are touched; a field that cannot be read is left alone.
// An error is temporary.
func (r *Rewriter) Header(ctx context.Context, h *mail.Header, hc HeaderContext) error {
	if !hc.Local && hc.Domain == "" {
		return nil
	}
	for i := range h.Len() {
		f := h.Field(i)
		place := placeOf(f)
		if place == 0 {
			continue
		}
		value := string(f.RawValue())
		rewritten, err := r.headerValue(ctx, value, place, hc)
		if err != nil {
			return err
		}
		if rewritten != value {
			h.Replace(i, withValue(f, rewritten))
		}
	}
	return nil
}

// withValue is the field with another value, its name and colon as they were written.
func withValue(f mail.Field, value string) mail.Field {
	raw := f.Raw()
	colon := bytes.IndexByte(raw, ':')
	block := append(append(bytes.Clone(raw[:colon+1]), value...), '\r', '\n')
	return mail.ParseHeader(block).Field(0)
}

func (r *Rewriter) headerValue(ctx context.Context, value string, place Classes, hc HeaderContext) (string, error) {
	return readdress.Each(value, func(a string) (string, error) { return r.headerAddress(ctx, a, place, hc) })
}

func (r *Rewriter) headerAddress(ctx context.Context, address string, place Classes, hc HeaderContext) (string, error) {
	if hc.Local {
		address = r.Standard(address)
	} else {
		address = r.standard(address, hc.Domain, hc.Domain)
	}
	if hc.NoMaps {
		return address, nil
	}
	address, err := r.rewriteAt(ctx, place, address)
	if err != nil || hc.Last == nil {
		return address, err
	}
	return hc.Last(ctx, place, address)
}

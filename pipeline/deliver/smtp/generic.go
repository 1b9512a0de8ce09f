package smtp

import (
	"context"
	"slices"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver"
)

// Generic replaces addresses that are of use here only in mail that leaves (smtp_generic_maps,
// generic(5)). What is logged and reported keeps them.
type Generic struct {
	// Maps are the tables; empty for none.
	Maps table.Maps
	// Site is what lookups have to know of this system; required with Maps.
	Site *readdress.Site
	// Propagate puts the extension of an address that matched without it behind the result
	// (propagate_unmatched_extensions has generic).
	Propagate bool
}

// address returns what is sent instead of an address.
func (g *Generic) address(ctx context.Context, address string) (string, error) {
	if address == "" {
		return "", nil
	}
	list, err := g.Site.Map(ctx, g.Maps, address, g.Propagate)
	if err != nil || len(list) == 0 {
		return address, err
	}
	return list[0], nil
}

// envelope sets what the envelope says to servers.
func (d *delivery) envelope(ctx context.Context) error {
	d.sender, d.rcpts = d.req.Entry.Sender, d.req.Recipients
	g := &d.a.o.Generic
	if len(g.Maps) == 0 {
		return nil
	}
	var err error
	if d.sender, err = g.address(ctx, d.sender); err != nil {
		return err
	}
	d.rcpts = slices.Clone(d.rcpts)
	for i := range d.rcpts {
		if d.rcpts[i].Address, err = g.address(ctx, d.rcpts[i].Address); err != nil {
			return err
		}
	}
	return nil
}

// text returns the text with the addresses of its header replaced: the text itself, when none is.
func (g *Generic) text(ctx context.Context, text mail.Content) (mail.Content, error) {
	block, err := deliver.Header(text, nil)
	if err != nil {
		return nil, err
	}
	h, off, patch := mail.ParseHeader(block), int64(0), checks.NewPatch(text)
	for i := range h.Len() {
		f := h.Field(i)
		raw, value := f.Raw(), string(f.RawValue())
		end := off + int64(len(raw))
		if readdress.KindOf(f) != readdress.NoAddresses {
			changed, err := readdress.Each(value, func(a string) (string, error) { return g.address(ctx, a) })
			if err != nil {
				return nil, err
			}
			if changed != value {
				// The name and the colon stay as they were written, and so does what ends the field.
				begin := int64(slices.Index(raw, ':') + 1)
				patch.Replace(off+begin, off+begin+int64(len(value)), changed)
			}
		}
		off = end
	}
	return patch.Done(), nil
}

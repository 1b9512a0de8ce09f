package rewrite

import (
	"context"

	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/table"
)

// Classes is a set of places where addresses stand: canonical_classes and its like.
type Classes = readdress.Classes

// The places.
const (
	EnvelopeSender    = readdress.EnvelopeSender
	EnvelopeRecipient = readdress.EnvelopeRecipient
	HeaderSender      = readdress.HeaderSender
	HeaderRecipient   = readdress.HeaderRecipient
)

// ParseClasses reads a list of places; unknown words are an error.
func ParseClasses(words []string) (Classes, error) { return readdress.ParseClasses(words) }

// Found is what a table says of an address.
type Found = readdress.Found

// Find looks an address (external form) up in the tables of a parameter, with the keys of
// virtual(5), canonical(5) and relocated(5). An error is temporary.
func (r *Rewriter) Find(ctx context.Context, m table.Maps, address string) (Found, error) {
	return r.site.Find(ctx, m, address)
}

// ClassMaps are the tables of canonical_maps (or of one of its sisters) and the places where they
// apply.
type ClassMaps struct {
	Maps    table.Maps
	Classes Classes
}

// Maps are the tables that cleanup rewrites addresses with.
type Maps struct {
	// Canonical, SenderCanonical and RecipientCanonical are the three canonical_maps; those
	// of sender and recipient are asked first.
	Canonical, SenderCanonical, RecipientCanonical ClassMaps
	// MasqueradeDomains is masquerade_domains; MasqueradeExceptions lists user names, nil for
	// none; MasqueradeClasses is masquerade_classes.
	MasqueradeDomains    []string
	MasqueradeExceptions Domains
	MasqueradeClasses    Classes
	// VirtualAlias is virtual_alias_maps.
	VirtualAlias table.Maps
	// SenderBCC and RecipientBCC are sender_bcc_maps and recipient_bcc_maps; AlwaysBCC is
	// always_bcc.
	SenderBCC, RecipientBCC table.Maps
	AlwaysBCC               string
	// PropagateCanonical and PropagateVirtual: propagate_unmatched_extensions has canonical,
	// has virtual.
	PropagateCanonical, PropagateVirtual bool
	// RecursionLimit, ExpansionLimit and LengthLimit are virtual_alias_recursion_limit,
	// virtual_alias_expansion_limit and virtual_alias_address_length_limit.
	RecursionLimit, ExpansionLimit, LengthLimit int
}

// canonical applies one of the canonical maps where its class says so.
func (r *Rewriter) canonical(ctx context.Context, m *ClassMaps, place Classes, address string) (string, error) {
	if m.Classes&place == 0 {
		return address, nil
	}
	return r.site.Canonical(ctx, m.Maps, address, r.o.Maps.PropagateCanonical)
}

// rewriteAt applies to an address in standard form what its place asks for: the canonical maps of
// its kind, canonical_maps, masquerading.
func (r *Rewriter) rewriteAt(ctx context.Context, place Classes, address string) (string, error) {
	if address == "" {
		return "", nil
	}
	own := &r.o.Maps.SenderCanonical
	if place&(EnvelopeRecipient|HeaderRecipient) != 0 {
		own = &r.o.Maps.RecipientCanonical
	}
	address, err := r.canonical(ctx, own, place, address)
	if err != nil {
		return "", err
	}
	if address, err = r.canonical(ctx, &r.o.Maps.Canonical, place, address); err != nil {
		return "", err
	}
	if r.o.Maps.MasqueradeClasses&place == 0 {
		return address, nil
	}
	return r.masquerade.Apply(ctx, address)
}

// Sender rewrites an envelope sender: standard form, sender_canonical_maps, canonical_maps,
// masquerading. The null sender stays. An error is temporary.
func (r *Rewriter) Sender(ctx context.Context, address string) (string, error) {
	return r.rewriteAt(ctx, EnvelopeSender, r.Standard(address))
}

// Recipient rewrites an envelope recipient up to, and without, virtual aliases.
func (r *Rewriter) Recipient(ctx context.Context, address string) (string, error) {
	if address == "" {
		address = r.o.EmptyRecipient
	}
	return r.rewriteAt(ctx, EnvelopeRecipient, r.Standard(address))
}

package rewrite

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
)

// Classes is a set of places where addresses stand: canonical_classes and its like.
type Classes uint8

// The places.
const (
	EnvelopeSender Classes = 1 << iota
	EnvelopeRecipient
	HeaderSender
	HeaderRecipient
)

// ParseClasses reads a list of places; unknown words are an error.
func ParseClasses(words []string) (Classes, error) {
	var c Classes
	for _, w := range words {
		switch w {
		case "envelope_sender":
			c |= EnvelopeSender
		case "envelope_recipient":
			c |= EnvelopeRecipient
		case "header_sender":
			c |= HeaderSender
		case "header_recipient":
			c |= HeaderRecipient
		default:
			return 0, fmt.Errorf("unknown class %q", w)
		}
	}
	return c, nil
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

// canonicalDepth is how often a canonical map may change one address.
const canonicalDepth = 10

// mapAddress looks an address up and reads the result. The list is empty when no table has it.
//
// A result that begins with "@" keeps the user name; only the first address of a result can.
func (r *Rewriter) mapAddress(ctx context.Context, m table.Maps, address string, propagate bool) ([]string, error) {
	f, err := r.Find(ctx, m, address)
	if err != nil || !f.OK {
		return nil, err
	}
	value := f.Value
	extension := f.Extension
	if !propagate {
		extension = ""
	}
	if strings.HasPrefix(value, "@") {
		user := addr.Local(address)
		if extension != "" {
			user, _ = r.splitExtension(user)
		}
		value = user + value
	}
	list := addressesOf(value)
	for i, a := range list {
		list[i] = r.Standard(withExtension(a, extension))
	}
	return list, nil
}

// withExtension puts an extension behind the user name of an address.
func withExtension(address, extension string) string {
	if extension == "" {
		return address
	}
	local, domain, ok := addr.Split(address)
	local = addr.Quote(addr.Unquote(local) + extension)
	if !ok {
		return local
	}
	return local + "@" + domain
}

// canonical applies one of the canonical maps again and again until the address stays. An address
// that keeps changing is a loop: 451, where Postfix accepts the tenth address.
func (r *Rewriter) canonical(ctx context.Context, m *ClassMaps, place Classes, address string) (string, error) {
	if len(m.Maps) == 0 || m.Classes&place == 0 {
		return address, nil
	}
	start := address
	for range canonicalDepth {
		list, err := r.mapAddress(ctx, m.Maps, address, r.o.Maps.PropagateCanonical)
		if err != nil {
			return "", err
		}
		if len(list) == 0 || strings.EqualFold(list[0], address) {
			if len(list) > 0 {
				return list[0], nil
			}
			return address, nil
		}
		address = list[0]
	}
	return "", status.New(451, "4.6.0", "Alias expansion error").By("canonical_maps").
		Because(fmt.Errorf("unreasonable canonical_maps nesting for %s: it changes more than %d times", start, canonicalDepth))
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
	return r.masquerade(ctx, place, address)
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

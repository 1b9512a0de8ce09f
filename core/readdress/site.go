package readdress

import "context"

// Site is what lookups have to know of this system. Safe for concurrent use when its functions are.
type Site struct {
	// Origin is myorigin; Delimiter is recipient_delimiter.
	Origin, Delimiter string
	// Own reports whether a domain is in mydestination, or an address literal of ours; nil for
	// none. An error is temporary.
	Own func(ctx context.Context, domain string) (bool, error)
	// Standard brings an address to standard form: completes its domain.
	Standard func(address string) string
}

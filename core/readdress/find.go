package readdress

import (
	"context"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
)

// Found is what a table says of an address.
type Found struct {
	Value string
	// Extension is the address extension, delimiter included, when the key that matched was
	// the user name without it; "" otherwise, as for @domain.
	Extension string
	OK        bool
}

// Find looks an address (external form) up in the tables of a parameter, with the keys of
// virtual(5), canonical(5) and relocated(5): user+ext@domain, user@domain, then user+ext and user
// when the domain is ours, then @domain. Each key is tried in all tables before the next one;
// tables of patterns see only the whole address. An error is temporary.
func (s *Site) Find(ctx context.Context, m table.Maps, address string) (Found, error) {
	if len(m) == 0 {
		return Found{}, nil
	}
	if v, ok, err := Ask(ctx, m, address, true); ok || err != nil {
		return Found{Value: v, OK: ok}, err
	}
	local, domain, hasDomain := addr.Split(address)
	base, extension := s.SplitExtension(local)
	at := ""
	if hasDomain {
		at = "@" + domain
	}
	if extension != "" {
		if v, ok, err := Ask(ctx, m, base+at, false); ok || err != nil {
			return Found{v, extension, ok}, err
		}
	}
	if !hasDomain {
		return Found{}, nil
	}
	if f, err := s.findBare(ctx, m, local, base, extension, domain); f.OK || err != nil {
		return f, err
	}
	v, ok, err := Ask(ctx, m, at, false)
	return Found{Value: v, OK: ok}, err
}

// findBare looks the user name alone up when the domain is myorigin, in mydestination or an
// address of ours.
func (s *Site) findBare(ctx context.Context, m table.Maps, local, base, extension, domain string) (Found, error) {
	ours, err := s.bare(ctx, domain)
	if !ours || err != nil {
		return Found{}, err
	}
	if v, ok, err := Ask(ctx, m, local, false); ok || err != nil {
		return Found{Value: v, OK: ok}, err
	}
	if extension == "" {
		return Found{}, nil
	}
	v, ok, err := Ask(ctx, m, base, false)
	return Found{v, extension, ok}, err
}

// bare reports whether user names of the domain are looked up without it.
func (s *Site) bare(ctx context.Context, domain string) (bool, error) {
	if strings.EqualFold(domain, s.Origin) {
		return true, nil
	}
	if s.Own == nil {
		return false, nil
	}
	return s.Own(ctx, domain)
}

// SplitExtension takes the extension, with its delimiter, off a local part.
func (s *Site) SplitExtension(local string) (base, extension string) {
	if strings.HasPrefix(local, `"`) {
		plain, ext, ok := addr.SplitExtension(addr.Unquote(local), s.Delimiter)
		if !ok {
			return local, ""
		}
		whole := addr.Unquote(local)
		return addr.Quote(plain), whole[len(whole)-len(ext)-1:]
	}
	base, _, ok := addr.SplitExtension(local, s.Delimiter)
	if !ok {
		return local, ""
	}
	return base, local[len(base):]
}

// Ask looks one key up: as it is written, then without quotes. Tables of patterns are asked for
// whole addresses alone.
func Ask(ctx context.Context, m table.Maps, key string, whole bool) (string, bool, error) {
	for {
		if v, ok, err := askForm(ctx, m, key, whole); ok || err != nil {
			return v, ok, err
		}
		plain := internal(key)
		if plain == key {
			return "", false, nil
		}
		key = plain
	}
}

// internal is an address or user name without the quotes of its local part.
func internal(key string) string {
	if strings.IndexByte(key, '"') < 0 {
		return key
	}
	local, domain, ok := addr.Split(key)
	if !ok {
		return addr.Unquote(local)
	}
	return addr.Unquote(local) + "@" + domain
}

func askForm(ctx context.Context, m table.Maps, key string, whole bool) (string, bool, error) {
	for _, t := range m {
		w, ok := t.(interface{ WholeKey() bool })
		pattern := ok && w.WholeKey()
		k := key
		switch {
		case pattern && !whole:
			continue
		case !pattern:
			k = strings.ToLower(key)
		}
		v, found, err := t.Lookup(ctx, k)
		if err != nil {
			return "", false, status.New(451, "4.3.0", "<%s>: Temporary lookup failure", key).Because(err)
		}
		if found {
			return v, true, nil
		}
	}
	return "", false, nil
}

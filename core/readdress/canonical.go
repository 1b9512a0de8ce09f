package readdress

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
)

// canonicalDepth is how often a canonical map may change one address.
const canonicalDepth = 10

// Map looks an address up and reads the result. The list is empty when no table has it.
//
// A result that begins with "@" keeps the user name; only the first address of a result can.
func (s *Site) Map(ctx context.Context, m table.Maps, address string, propagate bool) ([]string, error) {
	f, err := s.Find(ctx, m, address)
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
			user, _ = s.SplitExtension(user)
		}
		value = user + value
	}
	list := addressesOf(value)
	for i, a := range list {
		list[i] = s.Standard(withExtension(a, extension))
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

// Canonical asks the tables of a canonical map again and again until the address stays. An address that
// keeps changing is a loop: 451, where Postfix accepts the tenth address. Errors are *status.Error and
// temporary.
func (s *Site) Canonical(ctx context.Context, m table.Maps, address string, propagate bool) (string, error) {
	if len(m) == 0 {
		return address, nil
	}
	start := address
	for range canonicalDepth {
		list, err := s.Map(ctx, m, address, propagate)
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

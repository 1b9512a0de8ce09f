package authverify

import (
	"context"
	"net"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/mtad/mtad/plugins/sdk"
)

// lookup asks the host's DNS service in the form that the libraries want. It is used by one
// goroutine at a time.
type lookup struct{ tx sdk.Tx }

// ask returns the records of a name. The error tells "there is none" from "nobody could say".
func (l lookup) ask(kind sdk.DNSType, name string) ([]string, error) {
	text, e := l.tx.Host.DNS(kind, name)
	switch e {
	case sdk.OK:
		return strings.Split(text, "\n"), nil
	case sdk.ErrNotFound, sdk.ErrInvalid: // a name that cannot be does not exist
		return nil, &net.DNSError{Err: "no such record", Name: name, IsNotFound: true}
	}
	return nil, &net.DNSError{Err: e.Error(), Name: name, IsTemporary: true}
}

// temporary reports whether an error of ask means "nobody could say".
func temporary(err error) bool {
	e, ok := err.(*net.DNSError)
	return err != nil && !(ok && e.IsNotFound)
}

// LookupTXT returns TXT records.
func (l lookup) LookupTXT(_ context.Context, name string) ([]string, error) {
	return l.ask(sdk.DNSTXT, name)
}

// LookupMX returns MX records.
func (l lookup) LookupMX(_ context.Context, name string) (list []*net.MX, err error) {
	records, err := l.ask(sdk.DNSMX, name)
	for _, r := range records {
		if pref, host, ok := strings.Cut(r, " "); ok {
			n, _ := strconv.ParseUint(pref, 10, 16)
			list = append(list, &net.MX{Host: host, Pref: uint16(n)})
		}
	}
	return list, err
}

// LookupIPAddr returns addresses of both families.
func (l lookup) LookupIPAddr(_ context.Context, name string) (list []net.IPAddr, err error) {
	for _, kind := range []sdk.DNSType{sdk.DNSA, sdk.DNSAAAA} {
		records, e := l.ask(kind, name)
		if temporary(e) {
			return nil, e
		}
		for _, r := range records {
			if ip := net.ParseIP(r); ip != nil {
				list = append(list, net.IPAddr{IP: ip})
			}
		}
		err = e
	}
	if len(list) > 0 {
		err = nil
	}
	return list, err
}

// LookupAddr returns the names of an address.
func (l lookup) LookupAddr(_ context.Context, address string) ([]string, error) {
	return l.ask(sdk.DNSPTR, address)
}

// ascii is a domain in lower case and the form that the DNS has it in.
func ascii(domain string) string {
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		return a
	}
	return domain
}

package dns

import (
	"strconv"
	"strings"
	"time"

	wire "github.com/miekg/dns"
)

// Type is a record type as the DNS numbers them (RFC 1035 §3.2.2 and the IANA registry).
type Type uint16

// The types that mail has a use for. Query takes any other number as well.
const (
	TypeA     = Type(wire.TypeA)
	TypeNS    = Type(wire.TypeNS)
	TypeCNAME = Type(wire.TypeCNAME)
	TypeSOA   = Type(wire.TypeSOA)
	TypePTR   = Type(wire.TypePTR)
	TypeMX    = Type(wire.TypeMX)
	TypeTXT   = Type(wire.TypeTXT)
	TypeAAAA  = Type(wire.TypeAAAA)
	TypeSRV   = Type(wire.TypeSRV)
	TypeTLSA  = Type(wire.TypeTLSA)
)

// String returns the mnemonic ("MX"), or "TYPE123" (RFC 3597 §5) for a type without one.
func (t Type) String() string {
	if s, ok := wire.TypeToString[uint16(t)]; ok {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType returns the type with the given mnemonic or "TYPE123" form, in any case. ok is false
// for an unknown word and for the types that are not data (ANY, AXFR, IXFR, OPT and the like).
func ParseType(word string) (t Type, ok bool) {
	word = strings.ToUpper(word)
	n, known := wire.StringToType[word]
	if digits, isNumber := strings.CutPrefix(word, "TYPE"); !known && isNumber {
		v, err := strconv.ParseUint(digits, 10, 16)
		n, known = uint16(v), err == nil
	}
	return Type(n), known && isData(n)
}

// isData reports whether records of type n can be asked for by name. RFC 6895 §3.1 keeps 128–255
// for questions and meta data, 0 means none, OPT (41) belongs to the message.
func isData(n uint16) bool {
	return n != 0 && n != wire.TypeOPT && (n < 128 || n > 255)
}

// Family is a set of address families.
type Family uint8

// The families, and their union (inet_protocols=all).
const (
	IPv4 Family = 1 << iota
	IPv6
	Both = IPv4 | IPv6
)

// MX is one mail exchanger of a domain. Host has no final dot and is in lower case; it may be an
// address in text form, which some domains publish although RFC 5321 §5.1 forbids it.
type MX struct {
	Host string
	Pref uint16 // lower is tried first
}

// SRV is one server of a service (RFC 2782). Host is as in MX.
type SRV struct {
	Host             string
	Priority, Weight uint16 // the lowest priority is tried first; weight shares among equals
	Port             uint16
}

// TLSA is one TLSA record (RFC 6698 §2.1). Data is the caller's to keep.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// Answer is what Query found.
type Answer struct {
	// Name is the name that has the records: the one that was asked for, or the end of its
	// CNAME chain. Lower case, no final dot.
	Name string
	Type Type
	// Records holds the data of each record in presentation form ("10 mx.example.com."), at
	// least one, at most 100, without control bytes.
	Records []string
	// Secure reports that the server validated the whole answer with DNSSEC (the AD bit, RFC
	// 4035 §3.2.3). It is worth as much as the server and the way to it.
	Secure bool
	// TTL is how long the answer may still be used.
	TTL time.Duration
}

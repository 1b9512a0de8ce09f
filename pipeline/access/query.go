package access

import (
	"context"
	"net/netip"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// Query is what is known when a list is asked.
type Query struct {
	Origin *mail.Origin
	// Helo, Sender and Recipient as given; Has* say whether the client gave them yet.
	Sender, Recipient       string
	HasSender, HasRecipient bool
	// Recipients is the number accepted so far.
	Recipients int
	// Pipelined says that the client sent commands before it was its turn.
	Pipelined bool
}

// Decision is what a list says.
type Decision uint8

// The decisions.
const (
	Dunno Decision = iota
	Permit
	Refuse
)

// Env is what restrictions ask. Safe for concurrent use.
type Env interface {
	// MyNetworks reports whether the address is in mynetworks.
	MyNetworks(ctx context.Context, client netip.Addr) (bool, error)
	// OwnInterface reports whether it is an address of this machine's interfaces.
	OwnInterface(client netip.Addr) bool
	// AuthDestination reports whether mail for the recipient is for us or relayed for anybody.
	AuthDestination(ctx context.Context, recipient string) (bool, error)
	// Listed refuses a recipient that its address class does not list (550 5.1.1).
	Listed(ctx context.Context, recipient string) *status.Error
	// DomainExists reports whether a domain has MX or address records; false is
	// authoritative.
	DomainExists(ctx context.Context, domain string) (bool, error)
}

// Codes are the reply codes that parameters choose.
type Codes struct {
	AccessMap, RelayDomains, NonFQDN, InvalidHostname, UnknownAddress, UnknownClient, UnknownHostname int
	Plaintext, MultiRecipientBounce                                                                   int
	// Default is reject_code, DeferCode is defer_code.
	Default, Defer int
}

// DefaultCodes returns the codes of a configuration that sets none.
func DefaultCodes() Codes {
	return Codes{AccessMap: 554, RelayDomains: 554, NonFQDN: 504, InvalidHostname: 501, UnknownAddress: 450,
		UnknownClient: 450, UnknownHostname: 450, Plaintext: 450, MultiRecipientBounce: 550, Default: 554, Defer: 450}
}

package pipe

import (
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// ofMessage returns the values that are the same for all recipients.
func (a *Agent) ofMessage(req *queue.Request) values {
	e, o := req.Entry, &req.Entry.Origin
	return func(m macro) string {
		switch m {
		case mSender:
			return a.senderArgument(e.Sender)
		case mNexthop:
			return a.domain(req.Nexthop)
		case mSize:
			return strconv.FormatInt(e.Size, 10)
		case mQueueID:
			return e.ID
		case mEnvID:
			return e.EnvID
		case mSASLMethod:
			return o.SASLMethod
		case mSASLSender:
			return o.SASLSender
		case mSASLUsername:
			return o.SASLUser
		}
		return ofClient(o, m)
	}
}

// ofClient returns the values that are the client's; they are empty when there was none.
func ofClient(o *mail.Origin, m macro) string {
	switch m {
	case mClientHelo:
		return o.Helo
	case mClientHostname:
		return o.ClientName
	case mClientProtocol:
		return o.Protocol()
	}
	if !o.Client.IsValid() {
		return ""
	}
	if m == mClientPort {
		return strconv.Itoa(int(o.Client.Port()))
	}
	return o.Client.Addr().Unmap().String() // mClientAddress
}

// ofRecipient returns the values for one recipient, all others from message.
func (a *Agent) ofRecipient(r mail.Recipient, message values) values {
	local, domain, _ := addr.Split(r.Address)
	mailbox := addr.Unquote(local)
	user, extension, _ := addr.SplitExtension(mailbox, a.o.RecipientDelimiter)
	return func(m macro) string {
		switch m {
		case mRecipient:
			return a.recipientArgument(r.Address)
		case mOriginalRecipient:
			return a.recipientArgument(original(r))
		case mUser:
			return a.local(user)
		case mExtension:
			return a.local(extension)
		case mMailbox:
			return a.local(mailbox)
		case mDomain:
			return a.domain(domain)
		}
		return message(m)
	}
}

// senderArgument is ${sender}. An empty null_sender is not quoted.
func (a *Agent) senderArgument(sender string) string {
	if sender == "" {
		sender = a.o.Command.nullSender
	}
	return a.argument(sender)
}

// recipientArgument is an address with the flags h, q and u.
func (a *Agent) recipientArgument(address string) string {
	local, domain, ok := addr.Split(address)
	local, domain = a.local(local), a.domain(domain)
	if ok {
		local += "@" + domain
	}
	return a.argument(local)
}

// argument is an address in the form that arguments have: with quotes only for flag q.
func (a *Agent) argument(address string) string {
	if a.o.Command.flags.has(quote) {
		return address
	}
	local, domain, ok := addr.Split(address)
	if !ok {
		return addr.Unquote(address)
	}
	return addr.Unquote(local) + "@" + domain
}

func (a *Agent) local(s string) string {
	if a.o.Command.flags.has(foldUser) {
		return strings.ToLower(s)
	}
	return s
}

func (a *Agent) domain(s string) string {
	if a.o.Command.flags.has(foldDomain) {
		return strings.ToLower(s)
	}
	return s
}

// original is the address as it was given, or what there is when that is not kept.
func original(r mail.Recipient) string {
	if r.Original == "" {
		return r.Address
	}
	return r.Original
}

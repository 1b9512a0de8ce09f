package codec

import (
	"encoding/binary"
	"net/netip"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// minRecipient is the least a recipient takes: flags and an address of no bytes.
const minRecipient = 2

// AppendEntry appends the value of an entry that is stored under key.
func AppendEntry(dst, key []byte, e *queue.Entry) []byte {
	start := len(dst)
	version := versionOf(e)
	dst = append(dst, version)
	dst = appendString(dst, e.ID)
	dst = binary.AppendVarint(dst, e.Size)
	dst = appendString(dst, e.Sender)
	dst = appendBools(dst, e.SMTPUTF8, e.Origin.Local, e.Trace == mail.TraceVerify, e.Trace == mail.TraceRecord)
	dst = append(dst, byte(e.Body), byte(e.Ret))
	dst = appendString(dst, e.EnvID)
	dst = appendTime(dst, e.Arrived)
	dst = appendString(dst, e.Filter)
	if version == versionMore {
		dst = appendString(dst, e.VERP)
	}
	dst = appendOrigin(dst, &e.Origin)
	dst = binary.AppendUvarint(dst, uint64(len(e.Recipients)))
	for i := range e.Recipients {
		dst = appendRecipient(dst, &e.Recipients[i])
	}
	return seal(dst, start, key)
}

// versionOf is the version that an entry needs.
func versionOf(e *queue.Entry) byte {
	if e.VERP != "" {
		return versionMore
	}
	for i := range e.Recipients {
		if e.Recipients[i].Expanded {
			return versionMore
		}
	}
	return Version
}

// Entry returns the entry that was stored under key. It keeps nothing of value.
func Entry(key, value []byte) (*queue.Entry, error) {
	r, version, err := unsealUpTo(versionMore, key, value)
	if err != nil {
		return nil, err
	}
	e := &queue.Entry{}
	e.ID = r.string()
	e.Size = r.varint()
	e.Sender = r.string()
	flags := r.bools(4)
	e.SMTPUTF8, e.Origin.Local = flags&1 != 0, flags&2 != 0
	switch {
	case flags&4 != 0:
		e.Trace = mail.TraceVerify
	case flags&8 != 0:
		e.Trace = mail.TraceRecord
	}
	e.Body, e.Ret = mail.BodyType(r.byte()), mail.Ret(r.byte())
	e.EnvID = r.string()
	e.Arrived = r.time()
	e.Filter = r.string()
	if version == versionMore {
		e.VERP = r.string()
	}
	r.origin(&e.Origin)
	if n := r.count(minRecipient); n > 0 {
		e.Recipients = make([]mail.Recipient, n)
	}
	for i := range e.Recipients {
		r.recipient(&e.Recipients[i], version)
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return e, nil
}

func appendOrigin(dst []byte, o *mail.Origin) []byte {
	for _, s := range []string{string(o.Kind), o.Service, o.ClientName, o.ReverseName} {
		dst = appendString(dst, s)
	}
	dst = appendAddrPort(dst, o.Client)
	for _, s := range []string{o.Helo, o.Proto, o.TLSVersion, o.TLSCipher, o.SASLUser, o.SASLMethod, o.SASLSender} {
		dst = appendString(dst, s)
	}
	for _, n := range []int{o.TLSBits, o.UID, o.Hops} {
		dst = binary.AppendVarint(dst, int64(n))
	}
	return dst
}

func (r *reader) origin(o *mail.Origin) {
	o.Kind = mail.Kind(r.string())
	o.Service, o.ClientName, o.ReverseName = r.string(), r.string(), r.string()
	o.Client = r.addrPort()
	o.Helo, o.Proto, o.TLSVersion, o.TLSCipher = r.string(), r.string(), r.string(), r.string()
	o.SASLUser, o.SASLMethod, o.SASLSender = r.string(), r.string(), r.string()
	o.TLSBits, o.UID, o.Hops = r.int(), r.int(), r.int()
}

// appendAddrPort writes an address as its length (0, 4 or 16), its bytes, its zone and the port.
func appendAddrPort(dst []byte, a netip.AddrPort) []byte {
	ip := a.Addr()
	switch {
	case !ip.IsValid():
		dst = append(dst, 0)
	case ip.Is4():
		b := ip.As4()
		dst = append(append(dst, 4), b[:]...)
	default:
		b := ip.As16()
		dst = append(append(dst, 16), b[:]...)
		dst = appendString(dst, ip.Zone())
	}
	return binary.AppendUvarint(dst, uint64(a.Port()))
}

func (r *reader) addrPort() netip.AddrPort {
	var ip netip.Addr
	switch n := r.byte(); n {
	case 0:
	case 4:
		var b [4]byte
		copy(b[:], r.bytes(4))
		ip = netip.AddrFrom4(b)
	case 16:
		var b [16]byte
		copy(b[:], r.bytes(16))
		ip = netip.AddrFrom16(b).WithZone(r.string())
	default:
		r.fail()
	}
	port := r.uvarint()
	if port > 0xffff {
		r.fail()
	}
	return netip.AddrPortFrom(ip, uint16(port))
}

// What the flags byte of a recipient says, beside its NOTIFY set in the upper half.
const (
	originalDiffers = 1 << iota
	hasORcpt
	isExpanded  // since versionMore
	notifyShift = 4
	notifyMask  = 0x0f
)

func appendRecipient(dst []byte, p *mail.Recipient) []byte {
	flags := byte(p.Notify&notifyMask) << notifyShift
	if p.Original != p.Address {
		flags |= originalDiffers
	}
	if p.ORcpt != "" {
		flags |= hasORcpt
	}
	if p.Expanded {
		flags |= isExpanded
	}
	dst = appendString(append(dst, flags), p.Address)
	if flags&originalDiffers != 0 {
		dst = appendString(dst, p.Original)
	}
	if flags&hasORcpt != 0 {
		dst = appendString(dst, p.ORcpt)
	}
	return dst
}

func (r *reader) recipient(p *mail.Recipient, version byte) {
	flags := r.byte()
	p.Notify = mail.Notify(flags >> notifyShift)
	p.Address = r.string()
	p.Original = p.Address
	if flags&originalDiffers != 0 {
		p.Original = r.string()
	}
	if flags&hasORcpt != 0 {
		p.ORcpt = r.string()
	}
	p.Expanded = flags&isExpanded != 0
	if flags&notifyMask > originalDiffers|hasORcpt|isExpanded || p.Expanded && version < versionMore {
		r.fail()
	}
}

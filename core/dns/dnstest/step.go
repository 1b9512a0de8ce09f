package dnstest

import (
	wire "github.com/miekg/dns"
)

// Step is what the server does with one query instead of answering it from the zone. Safe for
// concurrent use.
type Step struct {
	name string
	// act gets the answer that the zone would give. It may change it, and returns whether it is
	// to be sent.
	act func(c *call) (send bool)
}

// String returns the step's name, for failure messages.
func (s Step) String() string { return s.name }

// call is one query on its way to an answer.
type call struct {
	w     wire.ResponseWriter
	query *wire.Msg
	reply *wire.Msg
	udp   bool
	done  <-chan struct{} // closed when the server stops
}

// The steps without parameters.
var (
	// Answer answers from the zone, as if nothing had been scripted.
	Answer = Step{"Answer", func(*call) bool { return true }}
	// ServFail answers SERVFAIL.
	ServFail = Rcode(wire.RcodeServerFailure)
	// Refused answers REFUSED.
	Refused = Rcode(wire.RcodeRefused)
	// Silence answers nothing.
	Silence = Step{"Silence", func(*call) bool { return false }}
	// Truncate answers over UDP with the truncation bit and no records; over TCP as usual.
	Truncate = Step{"Truncate", truncate}
	// Secure answers from the zone with the AD bit (authentic data).
	Secure = Step{"Secure", func(c *call) bool { c.reply.AuthenticatedData = true; return true }}
	// Lame answers as a server that has been asked by mistake: no records, not authoritative,
	// not recursive.
	Lame = Step{"Lame", lame}
	// Referral answers with the name servers of somebody else, as a server without recursion does.
	Referral = Step{"Referral", referral}
	// NoEDNS answers FORMERR to queries with EDNS, as old servers do, and as usual to others.
	NoEDNS = Step{"NoEDNS", noEDNS}
	// Garbage answers with bytes that are no DNS message but carry the right id and question.
	Garbage = Step{"Garbage", garbage}
	// Forge sends a reply with a wrong id, and one to another question, before the right one.
	Forge = Step{"Forge", forge}
	// Flood sends nothing but replies with a wrong id over UDP; over TCP it answers as usual.
	Flood = Step{"Flood", flood}
	// AliasOnly answers with the first CNAME of the chain and nothing else, neither authoritative
	// nor recursive, as a server that holds only the alias.
	AliasOnly = Step{"AliasOnly", aliasOnly}
)

// Rcode answers with a response code (RFC 1035 §4.1.1, RFC 6895 §2.3) and no records.
func Rcode(code int) Step {
	return Step{wire.RcodeToString[code], func(c *call) bool {
		c.reply.Rcode, c.reply.Answer, c.reply.Ns = code, nil, nil
		return true
	}}
}

// Hold answers as usual, once release is closed or has a value, or the server stops.
func Hold(release <-chan struct{}) Step {
	return Step{"Hold", func(c *call) bool {
		select {
		case <-release:
			return true
		case <-c.done:
			return false
		}
	}}
}

// Raw answers with the bytes that make returns for the bytes of the query. Over TCP they are
// preceded by their length.
func Raw(make func(query []byte) []byte) Step {
	return Step{"Raw", func(c *call) bool {
		if packet, err := c.query.Pack(); err == nil {
			c.w.Write(make(packet))
		}
		return false
	}}
}

func truncate(c *call) bool {
	if c.udp {
		c.reply.Truncated, c.reply.Answer, c.reply.Ns = true, nil, nil
	}
	return true
}

func lame(c *call) bool {
	c.reply.Authoritative, c.reply.RecursionAvailable = false, false
	c.reply.Rcode, c.reply.Answer, c.reply.Ns = wire.RcodeSuccess, nil, nil
	return true
}

func referral(c *call) bool {
	lame(c)
	c.reply.RecursionAvailable = true
	c.reply.Ns = []wire.RR{&wire.NS{Hdr: wire.RR_Header{Name: "test.", Rrtype: wire.TypeNS,
		Class: wire.ClassINET, Ttl: 300}, Ns: "ns.test."}}
	return true
}

func noEDNS(c *call) bool {
	if c.query.IsEdns0() != nil {
		c.reply.Rcode, c.reply.Answer, c.reply.Ns, c.reply.Extra = wire.RcodeFormatError, nil, nil, nil
	}
	return true
}

// garbage promises a record in the header and does not deliver it.
func garbage(c *call) bool {
	c.reply.Answer, c.reply.Ns, c.reply.Extra = nil, nil, nil
	if packet, err := c.reply.Pack(); err == nil {
		packet[7] = 1 // ANCOUNT
		c.w.Write(append(packet, 0xc0))
	}
	return false
}

func forge(c *call) bool {
	other := c.reply.Copy()
	other.Id++
	c.w.WriteMsg(other)
	other = c.reply.Copy()
	other.Question[0].Name = "other.test."
	c.w.WriteMsg(other)
	return true
}

func flood(c *call) bool {
	if !c.udp {
		return true
	}
	other := c.reply.Copy()
	for range 64 {
		other.Id++
		if other.Id != c.query.Id {
			c.w.WriteMsg(other)
		}
	}
	return false
}

func aliasOnly(c *call) bool {
	c.reply.Authoritative, c.reply.RecursionAvailable = false, false
	c.reply.Rcode, c.reply.Ns = wire.RcodeSuccess, nil
	if len(c.reply.Answer) > 1 {
		c.reply.Answer = c.reply.Answer[:1]
	}
	return true
}

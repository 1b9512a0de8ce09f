package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	wire "github.com/miekg/dns"
)

const (
	// udpSize is what we tell servers to send at most over UDP: it fits every path unfragmented.
	udpSize    = 1232
	headerSize = 12 // RFC 1035 §4.1.1
	maxStrays  = 16 // datagrams of others on our socket before we go over to TCP
)

var (
	errStray     = errors.New("not a reply to our question")
	errStrays    = errors.New("too many datagrams that are no reply to our question")
	errMalformed = errors.New("malformed reply")
)

// noReply says for how long we waited. It is not context.DeadlineExceeded: the caller's time is not up.
type noReply time.Duration

func (d noReply) Error() string { return "no reply within " + time.Duration(d).String() }

// newQuery returns the message that asks q, with an id of its own.
func newQuery(q question, edns, dnssec bool) *wire.Msg {
	m := new(wire.Msg).SetQuestion(q.name, q.qtype)
	m.AuthenticatedData = true // RFC 6840 §5.7: tell us whether you validated
	if edns {
		m.SetEdns0(udpSize, dnssec)
	}
	return m
}

// converse sends m to server over network and returns the reply that belongs to it, within
// timeout. A truncated reply over UDP has Truncated set and may lack everything else.
func (r *Resolver) converse(ctx context.Context, network, server string, m *wire.Msg, timeout time.Duration) (*wire.Msg, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, noReply(timeout))
	defer cancel()
	reply, err := r.roundTrip(ctx, network, server, m)
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	return reply, err
}

func (r *Resolver) roundTrip(ctx context.Context, network, server string, m *wire.Msg) (*wire.Msg, error) {
	packet, err := m.Pack()
	if err != nil {
		return nil, err
	}
	conn, err := r.opts.Dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r.queries.Add(1)
	if network == "tcp" {
		return overTCP(conn, packet, m)
	}
	return overUDP(conn, packet, m)
}

// overUDP waits for the reply among whatever else arrives: what does not carry our id and question
// may be forged or late, and is passed over (RFC 5452 §9.1).
func overUDP(conn net.Conn, packet []byte, m *wire.Msg) (*wire.Msg, error) {
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	for range maxStrays {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		reply, err := match(buf[:n], m)
		if err != errStray {
			return reply, err
		}
	}
	return nil, errStrays
}

// overTCP uses the connection for one question; RFC 7766 §8: each message is preceded by its length.
func overTCP(conn net.Conn, packet []byte, m *wire.Msg) (*wire.Msg, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(packet)), uint16(len(packet)))
	if _, err := conn.Write(append(framed, packet...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	reply, err := match(buf, m)
	if err == nil && reply.Truncated {
		return nil, errMalformed
	}
	return reply, err
}

// match parses packet and checks that it replies to m.
func match(packet []byte, m *wire.Msg) (*wire.Msg, error) {
	if len(packet) < headerSize || binary.BigEndian.Uint16(packet) != m.Id || packet[2]&0x80 == 0 {
		return nil, errStray
	}
	reply := new(wire.Msg)
	err := reply.Unpack(packet)
	if !sameQuestion(reply, m) {
		return nil, errStray
	}
	if err == nil && !reply.Truncated {
		err = checkCounts(packet, reply)
	}
	// What follows the cut of a truncated reply is nobody's business: TCP brings the whole.
	if err != nil && !reply.Truncated {
		return nil, errMalformed
	}
	return reply, nil
}

// sameQuestion reports whether reply repeats m's question. Servers that do not understand a
// message may send the response code alone.
func sameQuestion(reply, m *wire.Msg) bool {
	if len(reply.Question) == 0 {
		return reply.Rcode != wire.RcodeSuccess && reply.Rcode != wire.RcodeNameError
	}
	got, want := reply.Question[0], m.Question[0]
	return len(reply.Question) == 1 && got.Qtype == want.Qtype && got.Qclass == want.Qclass &&
		lower(got.Name) == want.Name && reply.Opcode == m.Opcode
}

// checkCounts compares what the header promised with what was found: the parser accepts a packet
// that ends early at the border of a record, and a "no" must not come from a cut answer.
func checkCounts(packet []byte, reply *wire.Msg) error {
	answers := int(binary.BigEndian.Uint16(packet[6:]))
	authority := int(binary.BigEndian.Uint16(packet[8:]))
	if answers != len(reply.Answer) || authority != len(reply.Ns) {
		return errMalformed
	}
	return nil
}

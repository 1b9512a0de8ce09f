package privsep

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The limits of a message.
const (
	MaxMessage = 128 << 10 // bytes
	MaxFiles   = 3
	MaxResults = 64 // texts of an Answer
	maxTexts   = 8192
)

// Op is the kind of a message.
type Op uint8

// The kinds. Answer and Ended are the parent's, all others the worker's.
const (
	Answer    Op = iota + 1 // integers: errno, refused (0, 1); texts: the error, or the results
	Ended                   // integers: wait status
	Listen                  // texts: service, network, address
	Run                     // integers: kind, uid, gid, seconds, arguments; texts: service, account, directory, arguments, environment
	Fed                     // the message that a command reads is complete
	Kill                    // end the command of this number
	Deliverer               // integers: place, uid, gid; texts: account, directory
	KeyPair                 // texts: file of certificates, file of the key
	KeyChains               // texts: files with keys and their certificates
	Sign                    // integers: hash, length of the salt (-1: PKCS #1 v1.5 or ECDSA); texts: file of the key, print of its public key, digest
	Reload
	Notify // integers: state; texts: status
	Upgrade
)

// shape is what a message of a kind consists of.
type shape struct{ integers, leastTexts, mostTexts, files int }

func shapeOf(op Op) (shape, bool) {
	s, ok := map[Op]shape{
		Answer: {2, 0, MaxResults, 1}, Ended: {1, 0, 0, 0}, Listen: {0, 3, 3, 0}, Run: {5, 4, maxTexts, 3}, Fed: {}, Kill: {},
		Deliverer: {3, 2, 2, 0}, KeyPair: {0, 2, 2, 0}, KeyChains: {0, 1, 64, 0}, Sign: {2, 3, 3, 0}, Reload: {}, Notify: {1, 1, 1, 0}, Upgrade: {},
	}[op]
	return s, ok
}

// Message is one packet without its files. ID is the worker's number of the request; an Answer
// has that of its request, Ended, Fed and Kill that of the Run.
type Message struct {
	Op       Op
	ID       uint32
	Integers []int64
	Texts    []string
}

// errMalformed is the cause of every failure to decode.
var errMalformed = errors.New("malformed message")

// ErrTooLarge says that a message has more than MaxMessage bytes or too many texts.
var ErrTooLarge = errors.New("the request is too large for the privileged parent")

// Append appends the encoded message to b.
func (m *Message) Append(b []byte) ([]byte, error) {
	begin := len(b)
	b = append(b, byte(m.Op))
	b = binary.BigEndian.AppendUint32(b, m.ID)
	b = append(b, byte(len(m.Integers)))
	for _, n := range m.Integers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if len(m.Texts) > maxTexts {
		return b[:begin], ErrTooLarge
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Texts)))
	for _, t := range m.Texts {
		if len(b)-begin+4+len(t) > MaxMessage {
			return b[:begin], ErrTooLarge
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(t)))
		b = append(b, t...)
	}
	return b, m.check()
}

// check compares a message with the shape of its kind.
func (m *Message) check() error {
	s, ok := shapeOf(m.Op)
	if !ok || len(m.Integers) != s.integers || len(m.Texts) < s.leastTexts || len(m.Texts) > s.mostTexts {
		return fmt.Errorf("%w of kind %d with %d integers and %d texts", errMalformed, m.Op, len(m.Integers), len(m.Texts))
	}
	return nil
}

// Decode reads a message. The result shares nothing with b.
func Decode(b []byte) (*Message, error) {
	if len(b) < 6 || len(b) > MaxMessage {
		return nil, errMalformed
	}
	m := &Message{Op: Op(b[0]), ID: binary.BigEndian.Uint32(b[1:])}
	n := int(b[5])
	if b = b[6:]; len(b) < 8*n+2 {
		return nil, errMalformed
	}
	for range n {
		m.Integers = append(m.Integers, int64(binary.BigEndian.Uint64(b)))
		b = b[8:]
	}
	n = int(binary.BigEndian.Uint16(b))
	b = b[2:]
	for range n {
		if len(b) < 4 {
			return nil, errMalformed
		}
		size := binary.BigEndian.Uint32(b)
		if b = b[4:]; uint64(size) > uint64(len(b)) {
			return nil, errMalformed
		}
		m.Texts = append(m.Texts, string(b[:size]))
		b = b[size:]
	}
	if len(b) > 0 {
		return nil, errMalformed
	}
	return m, m.check()
}

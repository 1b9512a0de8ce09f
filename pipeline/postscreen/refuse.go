package postscreen

import (
	"net"

	"github.com/mtad/mtad/core/status"
)

// refuse ends a client that failed: at once, or after a session in which every recipient is refused,
// so that the log has sender and recipient. It returns false: the client does not go on.
func (t *trial) refuse(r refusal) bool {
	o := &t.l.o
	if r.action == Drop {
		reply := status.Reply{Code: 521, Enhanced: r.enhanced, Text: r.text}
		o.Log.Info("NOQUEUE: reject: CONNECT from " + t.client + ": " + reply.String())
		s := t.session(r, 550)
		s.say(reply.Code, reply.Enhanced, reply.Text)
		t.l.turnAway(t.c, string(s.out))
	} else {
		s := t.session(r, 550)
		for i, test := range o.Deep.tests() { // what else is wrong with it is of interest, too
			s.todo[i] = test.Enable
		}
		s.serve()
	}
	o.Log.Info("DISCONNECT " + t.client)
	return false
}

// replayed is a connection of which something was read already.
type replayed struct {
	net.Conn
	first []byte
}

// before puts back what was read.
func before(c net.Conn, read []byte) net.Conn {
	if len(read) == 0 {
		return c
	}
	return &replayed{c, read}
}

// Read returns what was put back first.
func (r *replayed) Read(p []byte) (int, error) {
	if len(r.first) > 0 {
		n := copy(p, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	return r.Conn.Read(p)
}

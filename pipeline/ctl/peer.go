package ctl

import (
	"context"
	"net"
	"net/http"
	"os"

	"github.com/mtad/mtad/core/status"
)

// nobody is the uid of a peer that the kernel does not name. It has no right.
const nobody = -1

type peerKey struct{}

// withPeer puts the uid at the other end of a connection into the context of its requests.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid := nobody
	if g, ok := c.(*guest); ok {
		uid = g.uid
	}
	return context.WithValue(ctx, peerKey{}, uid)
}

// peer returns the uid at the other end.
func peer(r *http.Request) int {
	if uid, ok := r.Context().Value(peerKey{}).(int); ok {
		return uid
	}
	return nobody
}

// right is a group of requests that one decision allows.
type right uint8

const (
	admin  right = iota // root and the daemon's user
	look                // everybody
	list                // authorized_mailq_users
	flush               // authorized_flush_users
	submit              // authorized_submit_users
)

// allow refuses what uid may not do.
func (s *Server) allow(uid int, what right) error {
	if uid == nobody {
		return status.New(550, "5.7.1", "The system does not tell who you are")
	}
	if s.isAdmin(uid) || what == look {
		return nil
	}
	var users func(int) bool
	var name string
	switch what {
	case list:
		users, name = s.o.MailqUsers, "authorized_mailq_users"
	case flush:
		users, name = s.o.FlushUsers, "authorized_flush_users"
	case submit:
		users, name = s.o.SubmitUsers, "authorized_submit_users"
	default:
		return status.New(550, "5.7.1", "This is for root and the owner of the mail system only")
	}
	if users == nil || users(uid) {
		return nil
	}
	return status.New(550, "5.7.1", "User %d is not in %s", uid, name).By(name)
}

func (s *Server) isAdmin(uid int) bool { return uid == 0 || uid == os.Geteuid() }

package ctl

import (
	"net"
	"os"
	"testing"

	"github.com/mtad/mtad/core/maillog"
)

// Another user than the one who tests cannot be had without root: these tests go below the socket.

const stranger = 54321

func TestRights(t *testing.T) {
	only := func(allowed int) func(int) bool { return func(uid int) bool { return uid == allowed } }
	open := Options{}
	closed := Options{MailqUsers: only(1), FlushUsers: only(2), SubmitUsers: only(3)}
	tests := []struct {
		name string
		o    Options
		uid  int
		may  []right
	}{
		{"root may do everything", closed, 0, []right{admin, look, list, flush, submit}},
		{"the daemon's user may do everything", closed, os.Geteuid(), []right{admin, look, list, flush, submit}},
		{"a user may list, flush and submit by default", open, stranger, []right{look, list, flush, submit}},
		{"a user who is named nowhere may look", closed, stranger, []right{look}},
		{"authorized_mailq_users", closed, 1, []right{look, list}},
		{"authorized_flush_users", closed, 2, []right{look, flush}},
		{"authorized_submit_users", closed, 3, []right{look, submit}},
		{"whom the kernel does not name may nothing", open, nobody, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(tt.o, nil)
			for what := admin; what <= submit; what++ {
				want := false
				for _, r := range tt.may {
					want = want || r == what
				}
				if err := s.allow(tt.uid, what); (err == nil) != want {
					t.Errorf("right %d: %v", what, err)
				}
			}
		})
	}
}

func TestCausesAreForAdminsOnly(t *testing.T) {
	err := errUnknown.Because(os.ErrPermission)
	if r := replyOf(err, false); r.Cause != "" {
		t.Errorf("a stranger is told %q", r.Cause)
	}
	if r := replyOf(err, true); r.Cause != os.ErrPermission.Error() {
		t.Errorf("an admin is told %q", r.Cause)
	}
}

func TestOneUserCannotTakeAllConnections(t *testing.T) {
	s := New(Options{Log: maillog.Discard().Service("pickup")}, nil)
	l := &fairListener{s: s, open: map[int]int{}}
	ask := func(uid int) *guest {
		a, b := net.Pipe()
		t.Cleanup(func() { a.Close(); b.Close() })
		return l.admitUID(a, uid)
	}
	var first *guest
	for i := range maxUserConns {
		g := ask(stranger)
		if g == nil {
			t.Fatalf("connection %d is refused", i)
		}
		if first == nil {
			first = g
		}
	}
	if ask(stranger) != nil {
		t.Error("one too many is taken")
	}
	if ask(stranger+1) == nil || ask(0) == nil {
		t.Error("others are refused")
	}
	first.Close()
	first.Close()
	if ask(stranger) == nil {
		t.Error("a place that is free again is not given")
	}
	if ask(stranger) != nil {
		t.Error("closing twice made two places")
	}
}

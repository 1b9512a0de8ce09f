package pipe

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"

	"github.com/mtad/mtad/pipeline/deliver"
)

// rights are those that a command gets.
type rights struct{ uid, gid int }

// rights finds user= and refuses what a command may not have. It asks the system each time, since
// accounts come and go while mtad runs.
func (a *Agent) rights() (rights, error) {
	c := &a.o.Command
	r, err := account(c.user)
	if err != nil {
		return r, err
	}
	if c.group != "" {
		if r.gid, err = groupID(c.group); err != nil {
			return r, err
		}
	}
	if err = a.forbidden(r); err != nil {
		return r, err
	}
	return r, a.reachable(r)
}

// forbidden refuses the rights of root and of the mail system, as Postfix does: whoever has them
// has the queue.
func (a *Agent) forbidden(r rights) error {
	c := &a.o.Command
	if r.uid == 0 {
		return fmt.Errorf("user=%s has root privileges", c.user)
	}
	if r.gid == 0 {
		return fmt.Errorf("user=%s is in the privileged group id 0", c.user)
	}
	if o, err := account(a.o.MailOwner); err == nil && o.uid != 0 {
		if r.uid == o.uid {
			return fmt.Errorf("user=%s is the mail system owner %s", c.user, a.o.MailOwner)
		}
		if r.gid == o.gid {
			return fmt.Errorf("user=%s is in the group of the mail system owner %s (gid %d)", c.user, a.o.MailOwner, r.gid)
		}
	}
	if gid, err := groupID(a.o.SetgidGroup); err == nil && gid == r.gid {
		return fmt.Errorf("user=%s is in the mail submission group %s", c.user, a.o.SetgidGroup)
	}
	return nil
}

// reachable refuses rights that this process cannot give.
func (a *Agent) reachable(r rights) error {
	c := &a.o.Command
	if _, self := a.o.Runner.(deliver.Self); !self || os.Geteuid() == 0 {
		return nil // whoever runs it says what it may
	}
	self := accountName(os.Geteuid())
	switch {
	case r.uid != os.Geteuid():
		return fmt.Errorf("user=%s: mtad runs as %s and cannot become %s", c.user, self, c.user)
	case c.group != "" && r.gid != os.Getegid():
		return fmt.Errorf("user=%s:%s: mtad runs as %s and cannot change its group to %s", c.user, c.group, self, c.group)
	case c.chroot != "":
		return fmt.Errorf("chroot=%s: mtad runs as %s, and only root can do that", c.chroot, self)
	}
	return nil
}

func account(name string) (rights, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return rights{}, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return rights{uid, gid}, errors.Join(err1, err2)
}

func groupID(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}

func accountName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}

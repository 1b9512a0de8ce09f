package deliver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// Account is who the command of a service of master.cf runs as (pipe(8), spawn(8)).
type Account struct {
	// User and Group are the two parts of user=; Group is "" for that of the user. Chroot is
	// chroot=.
	User, Group, Chroot string
	// MailOwner and SetgidGroup are the account and the group that no command may run as
	// (mail_owner, setgid_group); names that do not exist forbid nothing.
	MailOwner, SetgidGroup string
}

// Rights finds the account and refuses what a command may not have; self says that this process
// starts the command. It asks the system each time, since accounts come and go while mtad runs. The
// error is the admin's.
func (a *Account) Rights(self bool) (As, error) {
	r, err := account(a.User)
	if err != nil {
		return r, err
	}
	if a.Group != "" {
		if r.GID, err = groupID(a.Group); err != nil {
			return r, err
		}
	}
	if err = a.forbidden(r); err != nil {
		return r, err
	}
	if !self || os.Geteuid() == 0 {
		return r, nil // whoever runs it says what it may
	}
	return r, a.reachable(r)
}

// forbidden refuses the rights of root and of the mail system, as Postfix does: whoever has them
// has the queue.
func (a *Account) forbidden(r As) error {
	if r.UID == 0 {
		return fmt.Errorf("user=%s has root privileges", a.User)
	}
	if r.GID == 0 {
		return fmt.Errorf("user=%s is in the privileged group id 0", a.User)
	}
	if o, err := account(a.MailOwner); err == nil && o.UID != 0 {
		if r.UID == o.UID {
			return fmt.Errorf("user=%s is the mail system owner %s", a.User, a.MailOwner)
		}
		if r.GID == o.GID {
			return fmt.Errorf("user=%s is in the group of the mail system owner %s (gid %d)", a.User, a.MailOwner, r.GID)
		}
	}
	if gid, err := groupID(a.SetgidGroup); err == nil && gid == r.GID {
		return fmt.Errorf("user=%s is in the mail submission group %s", a.User, a.SetgidGroup)
	}
	return nil
}

// reachable refuses rights that this process cannot give.
func (a *Account) reachable(r As) error {
	self := accountName(os.Geteuid())
	switch {
	case r.UID != os.Geteuid():
		return fmt.Errorf("user=%s: mtad runs as %s and cannot become %s", a.User, self, a.User)
	case a.Group != "" && r.GID != os.Getegid():
		return fmt.Errorf("user=%s:%s: mtad runs as %s and cannot change its group to %s", a.User, a.Group, self, a.Group)
	case a.Chroot != "":
		return fmt.Errorf("chroot=%s: mtad runs as %s, and only root can do that", a.Chroot, self)
	}
	return nil
}

// account returns the ids of an account, without its name: a command of a service has no other
// groups than its own.
func account(name string) (As, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return As{}, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return As{UID: uid, GID: gid}, errors.Join(err1, err2)
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

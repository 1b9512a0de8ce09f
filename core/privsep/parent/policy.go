package parent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/spawn"
)

// Policy is what one reading of the configuration allows. It is not changed once it is made.
type Policy struct {
	c *conf.Config
	// owner and submission are mail_owner's ids and the group id of setgid_group; -1 for none.
	ownerUID, ownerGID, submissionGID int
	programs                          map[string]*program
	local                             bool
	keys                              map[string]bool
	certificates                      map[string]bool
}

// program is a service of master.cf that runs a command.
type program struct {
	user, group, directory, chroot string
	// argv has the arguments before the first that depends on the message, argv[0] among them;
	// fixed says that none does, and that these are all.
	argv  []string
	fixed bool
}

// NewPolicy reads what a configuration allows. It refuses one that mail_owner could change.
func NewPolicy(c *conf.Config) (*Policy, error) {
	p := &Policy{c: c, ownerUID: -1, ownerGID: -1, submissionGID: -1, programs: map[string]*program{}, keys: map[string]bool{}, certificates: map[string]bool{}}
	o, err := accountOf(c.String("mail_owner"))
	if err != nil {
		return nil, fmt.Errorf("mail_owner: %w", err)
	}
	p.ownerUID, p.ownerGID = int(o.UID), int(o.GID)
	if g, err := groupOf(c.String("setgid_group")); err == nil {
		p.submissionGID = int(g)
	}
	for _, s := range c.Services() {
		switch s.Program {
		case "local":
			p.local = true
		case "pipe":
			if s.Type == mastercf.Unix {
				p.programs[s.Name] = programOf(s.Args, false)
			}
		case "spawn": // by name and type: a name may be a port, too
			p.programs[s.String()] = programOf(s.Args, true)
		}
		p.addKeys(c.For(s))
	}
	p.addKeys(c)
	return p, p.safe()
}

// programOf reads the attributes of a service that matter here. The worker reads the rest, and says
// what is wrong with them.
func programOf(args []string, fixed bool) *program {
	p := &program{fixed: fixed}
	for i, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "user":
			p.user, p.group, _ = strings.Cut(value, ":")
		case "directory":
			p.directory = value
		case "chroot":
			p.chroot = value
		case "argv":
			words := append([]string{value}, args[i+1:]...)
			if value == "" {
				words = words[1:]
			}
			for _, w := range words {
				if !fixed && strings.Contains(w, "$") {
					break
				}
				p.argv = append(p.argv, w)
			}
			return p
		}
	}
	return p
}

// addKeys notes the files of keys and certificates that a service's parameters name.
func (p *Policy) addKeys(c *conf.Config) {
	for _, prefix := range []string{"smtpd_tls", "smtp_tls", "lmtp_tls"} {
		for _, kind := range []string{"", "ec", "d"} {
			cert, key := c.String(prefix+"_"+kind+"cert_file"), c.String(prefix+"_"+kind+"key_file")
			if cert == "" || cert == "none" {
				continue
			}
			p.certificates[cert] = true
			if key == "" {
				key = cert
			}
			p.keys[key] = true
		}
		for _, file := range c.List(prefix + "_chain_files") {
			p.certificates[file], p.keys[file] = true, true
		}
	}
	p.addServerNames(c)
}

// safe refuses a configuration that mail_owner, or anybody but root, could write.
func (p *Policy) safe() error {
	for _, name := range []string{".", "main.cf", "master.cf", "mtad.toml"} {
		path := filepath.Join(p.c.Dir(), name)
		st, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		sys, ok := st.Sys().(*syscall.Stat_t)
		if !ok || int(sys.Uid) == p.ownerUID || int(sys.Gid) == p.ownerGID && st.Mode()&0o020 != 0 {
			return fmt.Errorf("%s belongs to mail_owner, who could make root run anything: give it to root", path)
		}
		if st.Mode()&0o002 != 0 {
			return fmt.Errorf("%s may be written by anybody, who could make root run anything: chmod o-w %s", path, path)
		}
	}
	return nil
}

// refuse makes a refusal.
func refuse(format string, args ...any) error {
	return &privsep.Refused{Text: fmt.Sprintf(format, args...)}
}

// forbidden refuses the rights of root and of the mail system: whoever has them has the queue.
func (p *Policy) forbidden(uid, gid int) error {
	switch {
	case uid <= 0 || gid <= 0 || uid >= 1<<31 || gid >= 1<<31:
		return refuse("uid %d, gid %d have root privileges, or are none", uid, gid)
	case uid == p.ownerUID:
		return refuse("uid %d is the mail system owner %s", uid, p.c.String("mail_owner"))
	case gid == p.ownerGID:
		return refuse("gid %d is the group of the mail system owner %s", gid, p.c.String("mail_owner"))
	case gid == p.submissionGID:
		return refuse("gid %d is the mail submission group %s", gid, p.c.String("setgid_group"))
	}
	return nil
}

// account returns the rights of an account of this machine that must have these ids.
func (p *Policy) account(name string, uid, gid int) (*spawn.Rights, *user.User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, nil, err
	}
	r, err := rightsOf(u)
	if err != nil {
		return nil, nil, err
	}
	if int(r.UID) != uid || int(r.GID) != gid {
		return nil, nil, refuse("the account %s is not uid %d, gid %d", name, uid, gid)
	}
	if err := p.forbidden(uid, gid); err != nil {
		return nil, nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		// A user whom the admin put into group 0 or the mail system's keeps them out of mail.
		g, err := strconv.Atoi(id)
		if err == nil && p.forbidden(uid, g) == nil && g != gid {
			r.Groups = append(r.Groups, uint32(g))
		}
	}
	return r, u, nil
}

// accountOf returns the ids of an account.
func accountOf(name string) (*spawn.Rights, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	return rightsOf(u)
}

func rightsOf(u *user.User) (*spawn.Rights, error) {
	uid, err1 := strconv.ParseUint(u.Uid, 10, 31)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 31)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("account %s: %w", u.Username, err)
	}
	return &spawn.Rights{UID: uint32(uid), GID: uint32(gid), Groups: []uint32{uint32(gid)}}, nil
}

func groupOf(name string) (uint32, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	gid, err := strconv.ParseUint(g.Gid, 10, 31)
	return uint32(gid), err
}

package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/mtad/mtad/pipeline/deliver"
)

// User is an account.
type User struct {
	Name string
	// Home is the home directory, an absolute path.
	Home     string
	UID, GID int
	// Shell is the login shell; "" when it is not known.
	Shell string
}

// as is what the account's rights are asked with.
func (u *User) as() deliver.As { return deliver.As{Name: u.Name, UID: u.UID, GID: u.GID} }

// Users finds accounts by name. An error means "try later", never "no such user".
type Users interface {
	Lookup(ctx context.Context, name string) (u User, found bool, err error)
	// LookupID finds an account by its uid.
	LookupID(ctx context.Context, uid int) (u User, found bool, err error)
}

// Accounts are the accounts of this machine: /etc/passwd, or what the C library knows in a build
// with cgo.
type Accounts struct{}

var _ Users = Accounts{}

// Lookup finds an account. It does not wait longer than the system does; ctx is not asked.
func (Accounts) Lookup(_ context.Context, name string) (User, bool, error) {
	return account(user.Lookup(name))
}

// LookupID finds an account by its uid.
func (Accounts) LookupID(_ context.Context, uid int) (User, bool, error) {
	return account(user.LookupId(strconv.Itoa(uid)))
}

func account(u *user.User, err error) (User, bool, error) {
	name, uid := user.UnknownUserError(""), user.UnknownUserIdError(0)
	if errors.As(err, &name) || errors.As(err, &uid) {
		return User{}, false, nil
	}
	if err != nil {
		return User{}, false, err
	}
	id, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return User{}, false, fmt.Errorf("account %s: uid %q, gid %q: %w", u.Username, u.Uid, u.Gid, err)
	}
	return User{Name: u.Username, Home: u.HomeDir, UID: id, GID: gid, Shell: shellOf(u.Username)}, true, nil
}

// shellOf finds a login shell in /etc/passwd; "" when the account is known by other means.
func shellOf(name string) string {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Split(lines.Text(), ":"); len(fields) == 7 && fields[0] == name {
			return fields[6]
		}
	}
	return ""
}

// List is a fixed set of accounts by name, in lower case.
type List map[string]User

var _ Users = List{}

// Lookup finds an account.
func (l List) Lookup(_ context.Context, name string) (User, bool, error) {
	u, ok := l[name]
	return u, ok, nil
}

// LookupID finds an account by its uid.
func (l List) LookupID(_ context.Context, uid int) (User, bool, error) {
	for _, u := range l {
		if u.UID == uid {
			return u, true, nil
		}
	}
	return User{}, false, nil
}

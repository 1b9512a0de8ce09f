package local

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// User is an account.
type User struct {
	Name string
	// Home is the home directory, an absolute path.
	Home     string
	UID, GID int
}

// Users finds accounts by name. An error means "try later", never "no such user".
type Users interface {
	Lookup(ctx context.Context, name string) (u User, found bool, err error)
}

// Accounts are the accounts of this machine: /etc/passwd, or what the C library knows in a build
// with cgo.
type Accounts struct{}

var _ Users = Accounts{}

// Lookup finds an account. It does not wait longer than the system does; ctx is not asked.
func (Accounts) Lookup(_ context.Context, name string) (User, bool, error) {
	u, err := user.Lookup(name)
	if unknown := user.UnknownUserError(""); errors.As(err, &unknown) {
		return User{}, false, nil
	}
	if err != nil {
		return User{}, false, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return User{}, false, fmt.Errorf("account %s: uid %q, gid %q: %w", name, u.Uid, u.Gid, err)
	}
	return User{Name: u.Username, Home: u.HomeDir, UID: uid, GID: gid}, true, nil
}

// List is a fixed set of accounts by name, in lower case.
type List map[string]User

var _ Users = List{}

// Lookup finds an account.
func (l List) Lookup(_ context.Context, name string) (User, bool, error) {
	u, ok := l[name]
	return u, ok, nil
}

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/local/target"
)

// include delivers to the targets in a file. It is read with the rights of its owner, and what it
// names gets these; root's file gets those of default_privs.
func (x *expansion) include(ctx context.Context, s state, path string) {
	if !filepath.IsAbs(path) {
		x.failed(&s, includeError(fmt.Errorf("%s: %w", path, errRelative)))
		return
	}
	path = filepath.Clean(path)
	owner, err := x.includeOwner(ctx, &s, path)
	if err != nil {
		x.failed(&s, err)
		return
	}
	if !x.step("include " + path) {
		return
	}
	f, err := x.readAs(ctx, owner, path)
	if err != nil {
		x.failed(&s, includeError(err))
		return
	}
	if f.Mode&0o002 != 0 {
		x.failed(&s, includeError(fmt.Errorf("%s may be written by anybody", path)))
		return
	}
	if f.Mode&0o020 != 0 { // who wrote it is not known: it has no rights of its own
		owner = nil
	}
	s.via, s.rights, s.alias = deliver.ByInclude, owner, ""
	if !x.o.Propagate.Include {
		s.unmatched = ""
	}
	x.targets(ctx, s, target.Lines(string(f.Data)))
}

// includeOwner returns the account of the file's owner; nil for root, and for a file that only those whose
// rights count so far can see.
func (x *expansion) includeOwner(ctx context.Context, s *state, path string) (*User, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return s.rights, nil
	case err != nil:
		return nil, includeError(err)
	case st.Mode()&0o022 != 0:
		return nil, nil
	}
	owner, err := x.accountOf(ctx, deliver.OwnerOf(st))
	if err != nil {
		return nil, tryLater("user lookup failed, try again later", err)
	}
	return owner, nil
}

// readAs reads a file with the rights of a user, nil for default_privs.
func (x *expansion) readAs(ctx context.Context, u *User, path string) (deliver.File, error) {
	u, err := x.rightsOr(ctx, u)
	if err != nil {
		return deliver.File{}, err
	}
	return x.read(ctx, u, path, maxInclude)
}

// includeError is the error for a file that cannot be read or trusted: the admin's mistake, which waits
// for the admin.
func includeError(err error) error {
	var e *status.Error
	if errors.As(err, &e) {
		return err
	}
	return status.Tempfail("4.3.5", "mail system configuration error").Because(fmt.Errorf("include file: %w", err)).By("include")
}

// rightsOr returns the account whose rights commands and files get: u, or default_privs.
func (x *expansion) rightsOr(ctx context.Context, u *User) (*User, error) {
	if u != nil {
		return u, nil
	}
	if x.o.Users == nil {
		return nil, misconfigured(errors.New("no accounts to run commands and write files as"))
	}
	d, found, err := x.o.Users.Lookup(ctx, x.o.DefaultPrivs)
	switch {
	case err != nil:
		return nil, tryLater("user lookup failed, try again later", err)
	case !found:
		return nil, misconfigured(fmt.Errorf("default_privs = %s: no such user", x.o.DefaultPrivs))
	case d.UID == 0:
		return nil, misconfigured(fmt.Errorf("default_privs = %s has root privileges", x.o.DefaultPrivs))
	}
	d.Home = "" // it is nobody's home
	return &d, nil
}

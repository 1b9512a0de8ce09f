package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

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
	st, err := os.Stat(path)
	if err != nil {
		x.failed(&s, includeError(err))
		return
	}
	owner, err := x.accountOf(ctx, deliver.OwnerOf(st))
	if err != nil {
		x.failed(&s, tryLater("user lookup failed, try again later", err))
		return
	}
	if st.Mode()&0o022 != 0 { // who wrote it is not known: it has no rights of its own
		owner = nil
	}
	if !x.step("include " + path) {
		return
	}
	f, err := x.readAs(ctx, owner, path)
	if err != nil {
		x.failed(&s, includeError(err))
		return
	}
	s.via, s.rights, s.alias = deliver.ByInclude, owner, ""
	if !x.o.Propagate.Include {
		s.unmatched = ""
	}
	x.targets(ctx, s, target.Lines(string(f.Data)))
}

// readAs reads a file with the rights of a user, nil for default_privs.
func (x *expansion) readAs(ctx context.Context, u *User, path string) (deliver.File, error) {
	u, err := x.rightsOr(ctx, u)
	if err != nil {
		return deliver.File{}, err
	}
	return x.read(ctx, u, path)
}

// includeError is the error for a file that cannot be read: the admin's mistake, which waits for the
// admin.
func includeError(err error) error {
	var e *status.Error
	if errors.As(err, &e) {
		return err
	}
	text := "cannot open an include file"
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text += ": no such file or directory"
	case errors.As(err, &errno):
		text += ": " + errno.Error()
	}
	return status.Tempfail("4.2.4", "%s", text).Because(err).By("include")
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

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/local/target"
)

// How many bytes of a .forward and of an :include: file are read; a longer one is not used.
const (
	maxForward = 1 << 20
	maxInclude = 8 << 20
)

// forward delivers to what the user's .forward file says; false when there is none that counts. It
// notes the account in s.
func (x *expansion) forward(ctx context.Context, s *state) bool {
	u, err := x.lookup(ctx, s)
	if err != nil {
		x.failed(s, err)
		return true
	}
	if u == nil || x.isRoot(u) || !filepath.IsAbs(u.Home) {
		return false
	}
	for _, text := range x.o.ForwardPath {
		path, err := x.macros(s).expand(text, x.o.Filters.Forward)
		if err != nil || !filepath.IsAbs(path) {
			x.warn(s, fmt.Errorf("forward_path: %q is no path: %w", path, err))
			continue
		}
		f, err := x.read(ctx, u, filepath.Clean(path), maxForward)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			continue
		case err != nil && unusable(err):
			x.warn(s, fmt.Errorf("cannot open file %s: %w", path, err))
			return false
		case err != nil:
			x.failed(s, tryLater("cannot read the .forward file", err))
			return true
		}
		return x.forwarded(ctx, *s, u, path, f)
	}
	return false
}

// unusable tells an answer of the system about a file from trouble that may pass.
func unusable(err error) bool {
	var refused *privsep.Refused
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, deliver.ErrFile) || errors.As(err, &refused)
}

// read reads a file with the rights of a user.
func (x *expansion) read(ctx context.Context, u *User, path string, limit int64) (deliver.File, error) {
	dir, name := filepath.Split(path)
	if rest, ok := strings.CutPrefix(path, strings.TrimSuffix(u.Home, "/")+"/"); ok && len(u.Home) > 1 {
		dir, name = u.Home, rest
	}
	return x.o.Reader.ReadFile(ctx, u.as(), filepath.Clean(dir), name, limit)
}

// forwarded delivers to the targets of a .forward file; false when the file must not count, has
// none, or was read for this user already: then the mailbox is meant.
func (x *expansion) forwarded(ctx context.Context, s state, u *User, path string, f deliver.File) bool {
	switch {
	case f.UID != 0 && f.UID != u.UID:
		x.warn(&s, fmt.Errorf("file %s has bad owner uid %d", path, f.UID))
		return false
	case f.Mode&0o022 != 0:
		x.warn(&s, fmt.Errorf("file %s can be written by others than its owner", path))
		return false
	}
	all := target.Lines(string(f.Data))
	if len(all) == 0 || !x.step("forward "+strconv.Itoa(u.UID)+" "+path) {
		return false
	}
	if x.req.Entry.Probe() {
		x.attempt(&s, "probe", func() (string, error) { return "forwarded via file: " + path, nil })
		return true
	}
	s.via, s.alias, s.rights, s.owner, s.unmatched = deliver.ByForward, "", u, "", ""
	if x.o.Propagate.Forward && !strings.HasSuffix(path, s.delimiter+s.extension) {
		s.unmatched = s.extension
	}
	x.targets(ctx, s, all)
	return true
}

func (x *expansion) warn(s *state, err error) {
	x.o.Log.Warning(x.req.Entry.ID + ": " + s.address + ": " + err.Error())
}

// lookup returns the account of the user, nil when there is none.
func (x *expansion) lookup(ctx context.Context, s *state) (*User, error) {
	if s.account != nil || x.o.Directory {
		return s.account, nil
	}
	u, found, err := x.o.Users.Lookup(ctx, s.user)
	switch {
	case err != nil:
		return nil, tryLater("user lookup failed, try again later", err)
	case !found:
		return nil, nil
	}
	s.account = &u
	return &u, nil
}

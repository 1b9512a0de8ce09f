package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/pickup/drop"
)

// places are the directories below queue_directory.
type places struct{ queue, store, maildrop, public, private, pid, data string }

func placesOf(c *conf.Config) places {
	q := c.String("queue_directory")
	return places{queue: q, store: filepath.Join(q, "store"), maildrop: filepath.Join(q, "maildrop"),
		public: filepath.Join(q, "public"), private: filepath.Join(q, "private"), pid: filepath.Join(q, "pid"), data: c.String("data_directory")}
}

// prepare makes the directories, with their modes whatever the umask is: users come to public.
func (p places) prepare() error {
	for _, d := range []struct {
		path string
		mode fs.FileMode
	}{{p.queue, 0o755}, {p.store, 0o700}, {p.public, 0o755}, {p.private, 0o700}, {p.pid, 0o755}, {p.data, 0o700}} {
		if err := makeDir(d.path, d.mode); err != nil {
			return fmt.Errorf("queue_directory, data_directory: %w", err)
		}
	}
	if st, err := os.Stat(p.maildrop); err == nil && st.Mode()&drop.DirMode == drop.DirMode {
		return nil
	}
	if err := drop.MakeDir(p.maildrop); err != nil {
		return fmt.Errorf("queue_directory: %w", err)
	}
	return nil
}

// makeDir makes a directory, if there is none.
func makeDir(path string, mode fs.FileMode) error {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return nil
	}
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// owner is who the worker of a mtad runs as that root started.
type owner struct {
	name     string
	uid, gid int
}

// ownerOf finds mail_owner. It returns nil when there is nothing to give up: mtad was not started
// by root, or is told to stay root.
func ownerOf(c *conf.Config) (*owner, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	name := c.String("mail_owner")
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("mail_owner = %s: %w: make the account, or name one that exists", name, err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("mail_owner = %s: %w", name, err)
	}
	if uid == 0 {
		return nil, nil
	}
	return &owner{name, uid, gid}, nil
}

// give makes mail_owner the owner of our directories, and of what is in those that are not its own
// yet. What users put into maildrop stays theirs: its owner is who sent it.
func (o *owner) give(p places) error {
	if err := os.Lchown(p.maildrop, o.uid, o.gid); err != nil {
		return fmt.Errorf("cannot give the queue to mail_owner %s: %w", o.name, err)
	}
	for _, root := range []string{p.store, p.public, p.private, p.pid, p.data} {
		if err := o.take(root); err != nil {
			return fmt.Errorf("cannot give the queue to mail_owner %s: %w", o.name, err)
		}
	}
	return nil
}

// take gives a tree to the owner, unless it is the owner's already: then nothing in it is of root's
// making, and root must not follow what the owner made. Links are not followed; a file of several
// names is left alone.
func (o *owner) take(root string) error {
	if st, err := os.Lstat(root); err == nil && ownerUID(st) == o.uid {
		return nil
	}
	var all []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if s, ok := st.Sys().(*syscall.Stat_t); !ok || !st.Mode().IsRegular() || s.Nlink == 1 {
			all = append(all, path)
		}
		return nil
	})
	// What is in a directory first: root need not have the right to enter those of others.
	for _, path := range slices.Backward(all) {
		err = errors.Join(err, os.Lchown(path, o.uid, o.gid))
	}
	return err
}

func ownerUID(st fs.FileInfo) int {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

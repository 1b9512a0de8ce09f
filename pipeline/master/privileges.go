package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/pickup/drop"
)

// places are the directories below queue_directory.
type places struct{ queue, store, maildrop, public, pid, data string }

func placesOf(c *conf.Config) places {
	q := c.String("queue_directory")
	return places{queue: q, store: filepath.Join(q, "store"), maildrop: filepath.Join(q, "maildrop"),
		public: filepath.Join(q, "public"), pid: filepath.Join(q, "pid"), data: c.String("data_directory")}
}

// prepare makes the directories.
func (p places) prepare() error {
	for _, d := range []struct {
		path string
		mode fs.FileMode
	}{{p.queue, 0o755}, {p.store, 0o700}, {p.maildrop, drop.DirMode}, {p.public, 0o755}, {p.pid, 0o755}, {p.data, 0o700}} {
		if err := os.MkdirAll(d.path, d.mode); err != nil {
			return fmt.Errorf("queue_directory, data_directory: %w", err)
		}
	}
	return nil
}

// owner is who mtad runs as after it gave up being root.
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

// give makes the owner of everything below our directories mail_owner. Links are not followed.
func (o *owner) give(p places) error {
	for _, root := range []string{p.store, p.maildrop, p.public, p.pid, p.data} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, o.uid, o.gid)
		})
		if err != nil {
			return fmt.Errorf("cannot give the queue to mail_owner %s: %w", o.name, err)
		}
	}
	return nil
}

// become gives up root for good: groups, group and user, real, effective and saved.
func (o *owner) become() error {
	if err := syscall.Setgroups([]int{o.gid}); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setresgid(o.gid, o.gid, o.gid); err != nil {
		return fmt.Errorf("setresgid: %w", err)
	}
	if err := syscall.Setresuid(o.uid, o.uid, o.uid); err != nil {
		return fmt.Errorf("setresuid: %w", err)
	}
	if syscall.Setuid(0) == nil {
		return errors.New("root could be regained after it was given up")
	}
	return nil
}

package mailbox

import (
	"fmt"
	"path"
	"strings"

	"github.com/mtad/mtad/core/status"
)

// AnyOwner is the owner of a mailbox when nothing is known of it.
const AnyOwner = -1

// Place is where a mailbox is. It is a value.
type Place struct {
	base    string
	name    string // clean, relative, without ".."
	maildir bool
	owner   int
}

// Below returns the mailbox at value below the directory base; value is a path as
// virtual_mailbox_maps or home_mailbox has it. A "/" at its end makes a Maildir. owner is the uid
// that an mbox may have beside this process's own, or AnyOwner. A value that names nothing or
// leads out of base is an error of the configuration: 451 4.3.5.
func Below(base, value string, owner int) (Place, error) {
	name, err := clean(value)
	if err == nil && base == "" {
		err = fmt.Errorf("no base directory for mailbox %q", value)
	}
	if err != nil {
		return Place{}, status.Tempfail("4.3.5", "mail system configuration error").Because(err)
	}
	return Place{base: base, name: name, maildir: strings.HasSuffix(value, "/"), owner: owner}, nil
}

func clean(value string) (string, error) {
	for part := range strings.SplitSeq(value, "/") {
		if part == ".." || strings.IndexByte(part, 0) >= 0 {
			return "", fmt.Errorf("mailbox path %q leads out of its base directory", value)
		}
	}
	name := strings.TrimLeft(path.Clean("/"+value), "/")
	if name == "" {
		return "", fmt.Errorf("mailbox path %q names nothing", value)
	}
	return name, nil
}

// InSpool returns the mailbox of user in a spool directory as mail_spool_directory names it: a
// Maildir when spool ends in "/", else an mbox file. ok is false for a name that cannot be a file
// of its own there: one with "/" or control bytes, of more than 200 bytes, beginning with ".", or
// ending as a dotlock does.
func InSpool(spool, user string, owner int) (p Place, ok bool) {
	if !userName(user) || strings.Trim(spool, "/") == "" {
		return Place{}, false
	}
	return Place{base: spool, name: user, maildir: strings.HasSuffix(spool, "/"), owner: owner}, true
}

// userName is strict: in a spool where any user exists, the name comes from a stranger. With
// ".lock" at its end, mail to "bob.lock" would lock the mailbox of bob for ever.
func userName(user string) bool {
	if user == "" || len(user) > 200 || user[0] == '.' || strings.HasSuffix(user, dotlockSuffix) {
		return false
	}
	return strings.IndexFunc(user, func(r rune) bool { return r == '/' || r < ' ' || r == 0x7f }) < 0
}

// String returns the path of the mailbox, with a "/" at the end of a Maildir.
func (p Place) String() string {
	s := path.Join(p.base, p.name)
	if p.maildir {
		s += "/"
	}
	return s
}

// Base returns the directory below which the mailbox lies.
func (p Place) Base() string { return p.base }

// Name returns the path of the mailbox below Base, with a "/" at the end of a Maildir: what Below
// makes the same Place of.
func (p Place) Name() string {
	if p.maildir {
		return p.name + "/"
	}
	return p.name
}

// Probed is what a probe is told of the mailbox, in Postfix's words: nothing was written.
func (p Place) Probed() string {
	if p.maildir {
		return "delivers to maildir"
	}
	return "delivers to mailbox"
}

// Owner returns the uid that an mbox may have, or AnyOwner.
func (p Place) Owner() int { return p.owner }

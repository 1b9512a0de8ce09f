package local

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// file delivers to a file that an alias, a .forward or an :include: file names, with the rights of
// whoever that belongs to.
func (x *expansion) file(ctx context.Context, s state, path string) {
	if !x.o.Files.has(s.via) {
		x.failed(&s, restricted("file", "allow_mail_to_files"))
		return
	}
	if path == "/dev/null" { // the customary end of mail: nothing to lock, nothing to sync
		x.attempt(&s, "file "+path, func() (string, error) { return "delivered to file: " + path, nil })
		return
	}
	u, err := x.rightsOr(ctx, s.rights)
	if err != nil {
		x.failed(&s, err)
		return
	}
	x.attempt(&s, "file "+strconv.Itoa(u.UID)+" "+path, func() (string, error) {
		clean := filepath.Clean(path)
		name := filepath.Base(clean)
		if strings.HasSuffix(path, "/") {
			name += "/"
		}
		p, err := mailbox.Below(filepath.Dir(clean), name, u.UID)
		if err != nil {
			return "", err
		}
		m := x.message(&s)
		said, err := x.o.AnyFile.Deliver(ctx, u.as(), p, &m)
		if err == nil && said == deliver.ToMailbox {
			said = "delivered to file: " + path
		}
		return said, err
	})
}

// message is the message as mailboxes get it.
func (x *expansion) message(s *state) mailbox.Message {
	m := mailbox.Message{Sender: s.sender, Text: x.text}
	if x.o.Original {
		m.Original = x.top.Original
	}
	if x.o.Delivered {
		m.Delivered = x.top.Address
	}
	return m
}

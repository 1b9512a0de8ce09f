package master

import (
	"path/filepath"

	"github.com/mtad/mtad/core/conf"
)

// readOnlyMailboxes returns what to say of directories of mailboxes that this process sees read-only, as a unit
// of systemd makes them: mail would wait there, each message for itself, until somebody asks why.
func readOnlyMailboxes(c *conf.Config, readOnly func(path string) bool) (all []string) {
	const undo = "under systemd, let mtad write there: systemctl edit mtad, "
	if c.String("home_mailbox") != "" && readOnly("/home") {
		all = append(all, "home_mailbox: /home is read-only here; "+undo+"ProtectHome=no")
	}
	if c.String("mailbox_command") != "" && readOnly("/home") {
		all = append(all, "mailbox_command: /home is read-only here; if the command writes there and mtad runs "+undo+"ProtectHome=no")
	}
	if base := c.String("virtual_mailbox_base"); filepath.IsAbs(base) && readOnly(base) {
		all = append(all, "virtual_mailbox_base: "+base+" is read-only here; "+undo+"ReadWritePaths="+base)
	}
	return all
}

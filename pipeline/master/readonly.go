package master

import (
	"path/filepath"

	"github.com/mtad/mtad/core/conf"
)

// readOnlyMailboxes returns what to say of directories of mailboxes that this process sees read-only, as a unit
// of systemd makes them: mail would wait there, each message for itself, until somebody asks why.
func readOnlyMailboxes(c *conf.Config, readOnly func(path string) bool) (all []string) {
	for _, name := range [...]string{"home_mailbox", "mailbox_command"} {
		if c.String(name) != "" && readOnly("/home") {
			all = append(all, name+": /home is read-only here; under systemd, let mtad write there: systemctl edit mtad, ProtectHome=no")
		}
	}
	if base := c.String("virtual_mailbox_base"); filepath.IsAbs(base) && readOnly(base) {
		all = append(all, "virtual_mailbox_base: "+base+" is read-only here; under systemd, let mtad write there: systemctl edit mtad, ReadWritePaths="+base)
	}
	return all
}

package mastercf

import (
	"strings"

	"github.com/mtad/mtad/core/conf/param"
)

// Program is what mtad makes of a program of Postfix.
type Program struct {
	Name string
	// Effect says whether a service with the program does in mtad what it does in Postfix.
	Effect param.Effect
	// Note says what the program does, why it has no effect, or what to use instead.
	Note string
	// Transport says that the program delivers mail: its services are names for transport maps.
	Transport bool
}

// programs are the programs of Postfix.
var programs = [...]Program{
	{"anvil", param.Accepted, "connections are counted where they are accepted", false},
	{"bounce", param.Effective, "failure, delay and success notices", false},
	{"cleanup", param.Effective, "completes messages and puts them into the queue", false},
	{"discard", param.Effective, "takes mail and drops it", true},
	{"dnsblog", param.Accepted, "only postscreen asks it", false},
	{"error", param.Effective, "returns or defers mail with a fixed text", true},
	{"flush", param.Accepted, "the queue knows the messages of a site by itself", false},
	{"lmtp", param.Effective, "delivers over LMTP", true},
	{"local", param.Effective, "delivers to users of this machine", true},
	{"nqmgr", param.Effective, "the old name of qmgr", false},
	{"oqmgr", param.Effective, "stands for qmgr, which is the only scheduler", false},
	{"pickup", param.Effective, "takes mail from the maildrop directory", false},
	{"pipe", param.Effective, "delivers to a program; user= must be who mtad itself runs as (not mail_owner) unless mtad runs as root, or the mail waits", true},
	{"plugin", param.Effective, "delivers through the plugin of the service's name", true},
	{"postlogd", param.Accepted, "the log is written by mtad itself", false},
	{"postscreen", param.Effective, "looks at clients before smtpd greets them", false},
	{"proxymap", param.Accepted, "tables are open once in one process", false},
	{"qmgr", param.Effective, "schedules deliveries", false},
	{"qmqpd", param.Unsupported, "submit over SMTP", false},
	{"scache", param.Accepted, "connections are kept where they are used", false},
	{"showq", param.Effective, "lists the queue", false},
	{"smtp", param.Effective, "delivers over SMTP", true},
	{"smtpd", param.Effective, "receives over SMTP", false},
	{"spawn", param.Effective, "runs a command for each connection; user= must be who mtad itself runs as (not mail_owner) unless mtad runs as root", false},
	{"tlsmgr", param.Accepted, "keys and sessions are kept in one process", false},
	{"tlsproxy", param.Accepted, "TLS is spoken where the connection is", false},
	{"trivial-rewrite", param.Effective, "rewrites and resolves addresses", false},
	{"verify", param.Accepted, "only address verification asks it, which is reported where it is set", false},
	{"virtual", param.Effective, "delivers to virtual mailboxes", true},
}

// Programs returns the known programs in the order of their names.
func Programs() []Program { return append([]Program(nil), programs[:]...) }

// ProgramNamed finds a program.
func ProgramNamed(name string) (Program, bool) {
	for _, p := range programs {
		if p.Name == name {
			return p, true
		}
	}
	return Program{}, false
}

// suggestion ends the error about an unknown program.
func suggestion(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	if _, ok := ProgramNamed(base); ok {
		return " (a program is named without its directory: " + base + ")"
	}
	for _, p := range programs {
		if param.Near(p.Name, base) {
			return " (is " + p.Name + " meant?)"
		}
	}
	return " (a program that is not Postfix's runs through pipe or spawn)"
}

package hook

import (
	"github.com/mtad/mtad/plugins/sdk"
)

// Disconnecter is a module that keeps something for each connection beyond what a stash can hold.
type Disconnecter interface {
	// Disconnected is told that the connection is over; h has its properties and stash.
	Disconnected(h sdk.Host)
}

// LogWorded is a module that is logged under a word of its own: "milter-reject" where other
// plugins have "plugin-reject". With "" it writes its decisions to the log itself.
type LogWorded interface{ LogWord() string }

// Close ends the plugins' view of the connection.
func (ss *Session) Close() {
	ss.traceAlone()
	for _, p := range ss.set.plugins {
		if d, ok := p.Module.(Disconnecter); ok {
			ss.msg.host.begin(&ss.msg, p, sdk.PointAbort)
			d.Disconnected(&ss.msg.host)
		}
	}
}

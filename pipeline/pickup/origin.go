package pickup

import (
	"fmt"
	"io"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
)

// Origin is where a message comes from that user uid submitted by the sendmail command, whichever
// way it took to the door.
func Origin(uid int) mail.Origin {
	return mail.Origin{Kind: mail.KindSendmail, Service: "pickup", UID: uid, Local: true}
}

// Announce returns text with a log line before it, "ID: uid=1000 from=<user>": the door has set
// env.ID when it begins to read, and log tools want this line before those of the other stages.
func Announce(log *maillog.Service, env *mail.Envelope, text io.Reader) io.Reader {
	return &announced{log: log, env: env, text: text}
}

type announced struct {
	log  *maillog.Service
	env  *mail.Envelope
	text io.Reader
	done bool
}

// Read logs once and reads.
func (a *announced) Read(p []byte) (int, error) {
	if !a.done && a.env.ID != "" {
		a.done = true
		a.log.Info(fmt.Sprintf("%s: uid=%d from=<%s>", a.env.ID, a.env.Origin.UID, status.Clean(a.env.Sender)))
	}
	return a.text.Read(p)
}

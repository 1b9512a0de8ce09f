package master

import (
	"context"
	"io"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/pickup/login"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// newSenders reads who may send as whom; nil when everybody may send as anybody, which is the default.
func (g *generation) newSenders() (*login.Senders, error) {
	c := g.cfg
	if strings.Join(c.List("local_login_sender_maps"), " ") == "static:*" {
		return nil, nil
	}
	maps, err := g.openMaps(c, "local_login_sender_maps")
	if err != nil {
		return nil, err
	}
	return &login.Senders{Maps: maps, NullKey: c.String("empty_address_local_login_sender_maps_lookup_key"),
		Delimiter: c.String("recipient_delimiter")}, nil
}

// submit queues a message of a local user: from the control socket or the maildrop directory.
func (g *generation) submit(ctx context.Context, env *mail.Envelope, text io.Reader) (string, error) {
	if !g.maySubmit(env.Origin.UID) {
		return "", status.New(550, "5.7.1", "not allowed to submit mail").By("authorized_submit_users")
	}
	if e := g.senders.Allow(ctx, env.Origin.UID, env.Sender); e != nil {
		return "", e
	}
	if filter := g.cfg.String("verp_delimiter_filter"); env.VERP != "" && !mail.VERPDelimiters(env.VERP, filter) {
		return "", status.New(501, "5.5.4", "VERP needs two characters from %s", filter).By("verp_delimiter_filter")
	}
	env.Filter, env.SMTPUTF8 = g.localFilter, false // cleanup finds out (smtputf8_autodetect_classes)
	return g.local.Submit(ctx, env, text)
}

// stdinFor is the engine for sendmail -bs of a user: one for all, unless they may not all send alike.
func (g *generation) stdinFor(uid int) (*smtp.Server, error) {
	if g.senders == nil {
		return g.stdin()
	}
	return g.stdinServer(func(o *smtpd.Options) {
		o.MaySend = func(ctx context.Context, sender string) *status.Error { return g.senders.Allow(ctx, uid, sender) }
	})
}

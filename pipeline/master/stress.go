package master

import (
	"fmt"
	"sync"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// attend adds to the options of an SMTP server what the daemon has to do with it: counting, suspension,
// and the parameters that change under stress. Sessions that do not come from a port have none of these.
func (g *generation) attend(c *conf.Config, s mastercf.Service, limits *smtpd.ClientLimits, o *smtp.Options) {
	if s.Type != mastercf.Inet {
		return
	}
	name := s.String()
	o.Meter = g.m.loads.of(name)
	o.Closed = func() bool {
		_, suspended := g.m.suspended.FindService(name)
		return suspended
	}
	log := g.m.logOf(c, "smtpd")
	o.Stressed = sync.OnceValue(func() *smtp.Server { return g.stressedServer(c, s, limits, log) })
	o.OnStress = func() {
		// The words are those of Postfix's master(8).
		g.m.log.Warning(fmt.Sprintf("service %q (%s) has reached its process limit \"%d\": new clients may experience noticeable delays",
			s.Name, s.Name, o.Processes))
		g.m.log.Warning("to avoid this condition, increase the process count in master.cf or reduce the service time per client")
	}
}

// stressedServer is the server of a service while it is short of places: the same with "stress" set, so
// that ${stress?…} in parameters takes effect. It is built when it is needed first; nil if it cannot be.
func (g *generation) stressedServer(c *conf.Config, s mastercf.Service, limits *smtpd.ClientLimits, log *maillog.Service) *smtp.Server {
	o, h, err := g.serverParts(c.With("stress", "yes"), s, limits)
	if err != nil {
		log.Warning("stress: " + err.Error() + "; the service goes on without")
		return nil
	}
	return smtp.New(o, h)
}

// traceLine shows a line of a dialogue in the log, as Postfix does with -v: ">" is what we say.
func traceLine(log *maillog.Service, c smtp.ConnInfo, fromClient bool, line []byte) {
	mark := "> "
	if fromClient {
		mark = "< "
	}
	log.Info(mark + maillog.ClientName(&mail.Origin{Client: c.Remote()}) + ": " + string(line))
}

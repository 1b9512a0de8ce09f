package master

import (
	"errors"
	"os"
	"os/user"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/pipeline/deliver/pipe"
	"github.com/mtad/mtad/queue"
)

// pipeAgent builds the agent of a service that delivers to a program. What is wrong with the
// service is said in the log; it defers its mail and stops nobody else's, as in Postfix.
func (g *generation) pipeAgent(c *conf.Config, s mastercf.Service) (queue.Agent, error) {
	log := g.m.logOf(c, s.Program)
	command, err := pipe.Parse(s.Args)
	if err != nil {
		log.Warning("mail to the service " + s.String() + " will be deferred: " + err.Error())
		return pipe.Misconfigured(err, time.Now), nil
	}
	a, err := pipe.New(pipe.Options{
		Command: command, Service: s.Name, Runner: g.m.around.runner(), TimeLimit: c.Transport(s.Name).Duration("time_limit"),
		RecipientDelimiter: c.String("recipient_delimiter"), Directory: g.m.places.queue,
		Environment: pipe.Environment(c.List("export_environment"), c.List("import_environment"), os.Environ(), c.Dir()),
		MailOwner:   c.String("mail_owner"), SetgidGroup: c.String("setgid_group"), Log: log,
	})
	if err != nil {
		return nil, err
	}
	// The master.cf of many systems has services for programs, and accounts, that are not there.
	if err := a.Ready(); err != nil && !errors.As(err, new(user.UnknownUserError)) {
		log.Warning("mail to the service " + s.String() + " will be deferred: " + err.Error())
	}
	return a, nil
}

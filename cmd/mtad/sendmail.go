package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/master"
	"github.com/mtad/mtad/pipeline/pickup/compose"
	"github.com/mtad/mtad/pipeline/pickup/drop"
)

const helpSendmail = `usage: sendmail [OPTIONS] [RECIPIENT...]

Queues a message from standard input. With the daemon down it waits in the
maildrop directory.

  -t          take recipients from To, Cc and Bcc (Resent- ones if there are)
  -i, -oi     a line with a single dot does not end the message
  -f ADDRESS  envelope sender, "" or "<>" for none (also -r); else the user
  -F NAME     full name, for a From field if the message has none
  -B TYPE     7BIT or 8BITMIME (also -o7, -o8)
  -N WHEN     ask for notices: never, or some of success,failure,delay
  -R WHAT     return full or hdrs with a notice
  -V ID       envelope id to show in notices
  -v, -bv     have a report mailed of the delivery; of what it would be
  -XV[XY]     each recipient gets a sender of its own: you+user=domain@here
  -bp, -bi    list the queue (mailq); bring aliases up to date (newaliases)
  -bs         SMTP on standard input and output
  -q          try deferred mail now; -qRSITE, -qIID for a site, a message
  -C DIR      configuration directory, or a file in it (also -c)

-A -G -L -O -U -d -e -h -m -n -o -p -bh -q1h have no effect; -bd starts the
daemon. Exit codes: 0 queued, 64 usage, 65 bad data, 67 no such user, 69
refused, 71 system error, 74 input error, 75 try later, 77 not allowed.
`

// submitTimeout bounds the submission of a message, once it is read.
const submitTimeout = 10 * time.Minute

func sendmail(sh *shell, args []string) int {
	r, err := sh.readSendmail(args)
	if err != nil {
		return sh.fail(exUsage, "%v", err)
	}
	switch {
	case r.mode == 'p':
		sh.name = "postqueue"
		return sh.queue(option{'p', ""}, &ctl.Selector{})
	case r.mode == 'd':
		sh.name = "postfix"
		return postfix(sh, []string{"start"})
	case r.mode == modeIgnore:
		return exOK
	case r.mode == 's':
		return sh.session()
	case r.mode == 'i':
		return newaliases(sh, nil)
	case r.flush != nil:
		sh.name = "postqueue"
		return sh.queue(*r.flush, &ctl.Selector{})
	}
	return sh.submit(r)
}

// submit reads the message and queues it.
func (sh *shell) submit(r *request) int {
	who, err := currentUser(r.fullName)
	if err != nil {
		return sh.fail(exOSErr, "%v", err)
	}
	if !r.hasSender {
		r.sender = who.name
	}
	c, err := sh.config()
	if err != nil {
		return sh.fail(exTempFail, "%v", err)
	}
	if !r.extract && len(r.recipients) == 0 {
		return sh.fail(exUsage, "%s: Recipient addresses must be specified on the command line or via the -t option", who)
	}
	arrived := time.Now()
	m, err := compose.Read(sh.in, compose.Options{Extract: r.extract, Recipients: r.recipients, IgnoreDots: r.ignoreDots,
		Sender: r.sender, FullName: who.fullName, SizeLimit: c.Size("message_size_limit"),
		Obsolete: c.String("header_from_format") == "obsolete", Charset: c.String("full_name_encoding_charset")})
	switch {
	case errors.Is(err, compose.ErrNoRecipients):
		return sh.fail(exUsage, "%s: No recipient addresses found in message header", who)
	case errors.Is(err, compose.ErrTooBig):
		return sh.fail(exUnavailable, "%s: %v", who, compose.ErrTooBig)
	case isDiskFull(err):
		return sh.fail(exTempFail, "%s: %v", who, err)
	case err != nil:
		return sh.fail(exIOErr, "%s: cannot read the message: %v", who, err)
	}
	defer m.Close()
	env := r.envelope(m, arrived)
	if r.verp {
		if env.VERP = r.delimiters; env.VERP == "" {
			env.VERP = c.String("default_verp_delimiters")
		}
		if filter := c.String("verp_delimiter_filter"); !mail.VERPDelimiters(env.VERP, filter) {
			return sh.fail(exUsage, "-V requires two characters from %s", filter)
		}
	}
	if err := enter(c, env, m); err != nil {
		return sh.fail(codeOf(err), "%s: %s", who, told(err))
	}
	if r.trace != mail.TraceNone {
		fmt.Fprintf(sh.out, "Mail Delivery Status Report will be mailed to <%s>.\n", r.sender)
	}
	return exOK
}

// envelope makes the envelope of a message.
func (r *request) envelope(m *compose.Message, arrived time.Time) *mail.Envelope {
	env := &mail.Envelope{Sender: r.sender, SMTPUTF8: m.SMTPUTF8, Body: r.body, Trace: r.trace, Ret: r.ret, EnvID: r.envID, Arrived: arrived}
	if env.Body == mail.BodyUnset && m.EightBit {
		env.Body = mail.Body8BitMIME
	}
	for _, a := range m.Recipients {
		env.Recipients = append(env.Recipients, mail.Recipient{Address: a, Original: a, Notify: r.notify})
	}
	return env
}

// enter gives the message to the daemon or, when none runs, to the maildrop directory. When the
// daemon breaks off, it may have queued the message: then the user shall try again.
func enter(c *conf.Config, env *mail.Envelope, m *compose.Message) error {
	text, err := m.Text()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), submitTimeout)
	defer cancel()
	client := ctl.NewClient(c.String("control_socket"))
	defer client.Close()
	_, err = client.Submit(ctx, env, text, m.Size())
	if !errors.Is(err, ctl.ErrDown) {
		return err
	}
	// The daemon will ask again when it takes the file; then nobody is there to be told.
	if !master.Allows(c, "authorized_submit_users", os.Getuid()) {
		return status.New(550, "5.7.1", "not allowed to submit mail").By("authorized_submit_users")
	}
	if text, err = m.Text(); err != nil {
		return err
	}
	_, err = drop.Put(filepath.Join(c.String("queue_directory"), "maildrop"), env, text, m.Size())
	return err
}

package master

import (
	"fmt"
	"os"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/pipeline/bounce/template"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// newNotifier builds what tells people of what became of their mail.
func (g *generation) newNotifier() (*bounce.Notifier, error) {
	c := g.cfg
	classes, err := bounce.ParseClasses(c.String("notify_classes"))
	if err != nil {
		return nil, fmt.Errorf("notify_classes: %w", err)
	}
	templates, err := readTemplates(c)
	if err != nil {
		return nil, err
	}
	return bounce.New(bounce.Options{
		Hostname: c.String("myhostname"), Origin: c.String("myorigin"), SizeLimit: c.Size("bounce_size_limit"), NoVERP: c.Bool("disable_verp_bounces"), Threaded: c.Bool("enable_threaded_bounces"), Classes: classes,
		BounceRecipient: c.String("bounce_notice_recipient"), DoubleBounceRecipient: c.String("2bounce_notice_recipient"),
		DelayRecipient: c.String("delay_notice_recipient"), DoubleBounceSender: c.String("double_bounce_sender"),
		ErrorRecipient: c.String("error_notice_recipient"), MailName: c.String("mail_name"),
		Templates: templates, Parameters: parameters(c),
		Submitter: g.notices, Log: g.m.logOf(c, "bounce"),
	})
}

// readTemplates reads bounce_template_file.
func readTemplates(c *conf.Config) (template.Set, error) {
	name := c.String("bounce_template_file")
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("bounce_template_file: %w", err)
	}
	set, err := template.Parse(string(text), name)
	if err != nil {
		return nil, fmt.Errorf("bounce_template_file: %w", err)
	}
	return set, nil
}

// parameters are the macros of templates.
func parameters(c *conf.Config) template.Lookup {
	return func(name string) (string, time.Duration, bool) {
		p, known := param.Find(name)
		raw, _, set := c.Lookup(name)
		if !known && !set {
			return "", 0, false
		}
		text, err := c.Expand(raw)
		if err != nil {
			return "", 0, false
		}
		length := time.Duration(-1)
		if known && p.Type == param.Time {
			length = c.Duration(name)
		}
		return text, length, true
	}
}

// serverTrouble is told of servers that do not speak the protocol; nil when no notices about them are
// wanted.
func (g *generation) serverTrouble(c *conf.Config) (func(server, transcript string), error) {
	wanted, err := bounce.ParseClasses(c.String("notify_classes"))
	if err != nil {
		return nil, fmt.Errorf("notify_classes: %w", err)
	}
	if !wanted.Has(bounce.ClassProtocol) {
		return nil, nil
	}
	return func(server, transcript string) { g.notifier.ServerTrouble(g0, server, transcript) }, nil
}

// trouble is told of the sessions of a service that had errors. It returns nil when no notices about
// them are wanted, so that nothing is kept for them.
func (g *generation) trouble(c *conf.Config) (func(smtpd.Trouble, string, string), error) {
	wanted, err := bounce.ParseClasses(c.String("notify_classes"))
	if err != nil {
		return nil, fmt.Errorf("notify_classes: %w", err)
	}
	kinds := [...]struct {
		kind  smtpd.Trouble
		class bounce.Classes
	}{
		{smtpd.TroubleBounce, bounce.ClassBounce}, {smtpd.TroubleData, bounce.ClassData},
		{smtpd.TroublePolicy, bounce.ClassPolicy}, {smtpd.TroubleProtocol, bounce.ClassProtocol},
		{smtpd.TroubleResource, bounce.ClassResource}, {smtpd.TroubleSoftware, bounce.ClassSoftware},
	}
	return func(had smtpd.Trouble, client, transcript string) {
		var classes bounce.Classes
		for _, k := range kinds {
			if had&k.kind != 0 {
				classes |= k.class & wanted
			}
		}
		if classes != 0 {
			g.notifier.Trouble(g0, classes, client, transcript)
		}
	}, nil
}

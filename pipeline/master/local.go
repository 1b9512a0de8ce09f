package master

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/spawn"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/local"
	"github.com/mtad/mtad/queue"
)

// localAgent builds the agent for the users of this machine.
func (g *generation) localAgent(c *conf.Config) (queue.Agent, error) {
	door, err := g.door(c, nil)
	if err != nil {
		return nil, err
	}
	o := local.Options{
		Spool: c.String("mail_spool_directory"), HomeMailbox: c.String("home_mailbox"), Users: local.Accounts{},
		OwnerSpecial: c.Bool("owner_request_special"), ExpandOwner: c.Bool("expand_owner_alias"), ResetOwner: c.Bool("reset_owner_alias"),
		ForwardPath:      c.List("forward_path"),
		Propagate:        sources(c, "propagate_unmatched_extensions"),
		Commands:         sources(c, "allow_mail_to_commands"),
		Files:            sources(c, "allow_mail_to_files"),
		MailboxTransport: c.String("mailbox_transport"), FallbackTransport: c.String("fallback_transport"),
		MailboxCommand: c.String("mailbox_command"), LuserRelay: c.String("luser_relay"),
		Shell: c.String("local_command_shell"), ExecutionDirectory: c.String("command_execution_directory"),
		WorkDirectory: g.m.places.queue, TimeLimit: c.Duration("command_time_limit"),
		Environment: spawn.Environment(c.List("export_environment"), c.List("import_environment"), os.Environ(), c.Dir()),
		Filters: local.Filters{Command: c.String("command_expansion_filter"), Directory: c.String("execution_directory_expansion_filter"),
			Forward: c.String("forward_expansion_filter")},
		DefaultPrivs: c.String("default_privs"), NeverRoot: g.m.around.parent != nil, RequireHome: c.Bool("require_home_directory"), SoftBounce: c.Bool("soft_bounce"),
		RecipientDelimiter: c.String("recipient_delimiter"), DoubleBounceSender: c.String("double_bounce_sender"),
		Original: c.Bool("enable_original_recipient"), Delivered: c.Has("prepend_delivered_header", "file"),
		DeliveredCommand: c.Has("prepend_delivered_header", "command"), DeliveredForward: c.Has("prepend_delivered_header", "forward"),
		DuplicateLimit: c.Int("duplicate_filter_limit"), Runner: g.m.around.runner(), Reader: g.m.around.files(),
		Resolver: g.rewriter, Submitter: door, Pass: g.pass, Log: g.m.logOf(c, "local"),
	}
	place := privsep.Spool
	if o.HomeMailbox != "" {
		place = privsep.Home
	}
	if o.Mailbox, err = g.mailboxes(c, place, "mailbox_size_limit", "mailbox_delivery_lock"); err != nil {
		return nil, err
	}
	if o.AnyFile, err = g.mailboxes(c, privsep.AnyFile, "mailbox_size_limit", "mailbox_delivery_lock"); err != nil {
		return nil, err
	}
	for name, to := range map[string]*local.Table{
		"mailbox_transport_maps": &o.MailboxTransportMaps, "fallback_transport_maps": &o.FallbackTransportMaps,
		"mailbox_command_maps": &o.MailboxCommandMaps,
	} {
		maps, err := g.openMaps(c, name)
		if err != nil {
			return nil, err
		}
		if len(maps) > 0 {
			*to = maps
		}
	}
	if o.Aliases, err = g.aliasMaps(c); err != nil {
		return nil, err
	}
	maps, err := g.openMaps(c, "local_delivery_status_filter")
	if err != nil {
		return nil, err
	}
	if len(maps) > 0 {
		o.Filter = (&deliver.StatusFilter{Maps: maps, Warn: o.Log.Warning}).Apply
	}
	return local.New(o)
}

// sources reads a list of aliases, .forward files and includes.
func sources(c *conf.Config, name string) local.Allowed {
	return local.Allowed{Alias: c.Has(name, "alias"), Forward: c.Has(name, "forward"), Include: c.Has(name, "include")}
}

// aliasMaps opens alias_maps, each with the owner of its file.
func (g *generation) aliasMaps(c *conf.Config) ([]local.AliasMap, error) {
	o := g.tableOptions(c)
	o.NoSubstitution, o.Shared, o.Aliases = true, nil, true
	var all []local.AliasMap
	for _, spec := range c.List("alias_maps") {
		if missingAliases(c, spec) {
			continue
		}
		t, err := table.Open(spec, o)
		if err != nil {
			return nil, fmt.Errorf("alias_maps: %w", err)
		}
		all = append(all, local.AliasMap{Table: t, Owner: tableOwner(spec, o.Default)})
	}
	return all, nil
}

// tableOwner returns what finds the uid that a table belongs to: that of the file that has its rows.
// A table without a file is root's.
func tableOwner(spec, def string) func() int {
	kind, name := table.Split(spec, def)
	if kind == "proxy" {
		kind, name = table.Split(name, def)
	}
	if !strings.HasPrefix(name, "/") {
		return nil
	}
	return func() int {
		for _, path := range table.Files(kind, name) {
			if st, err := os.Stat(path); err == nil {
				return deliver.OwnerOf(st)
			}
		}
		return 0
	}
}

// pass has the agent of another service deliver a request for one recipient.
func (g *generation) pass(ctx context.Context, req *queue.Request, transport string) queue.Result {
	return g.passAll(ctx, req, transport)[0]
}

// passAll has the agent of another service deliver a request.
func (g *generation) passAll(ctx context.Context, req *queue.Request, transport string) []queue.Result {
	name, nexthop, _ := strings.Cut(transport, ":")
	agent := g.agents[name]
	if agent == nil || name == req.Transport {
		at := deliver.Attempt{Relay: deliver.NoRelay, Begun: time.Now()}
		err := fmt.Errorf("mail is passed to %q: no such transport of another kind in master.cf", transport)
		failed := at.Failed(status.Tempfail("4.3.0", "unknown mail transport error").Because(err))
		return slices.Repeat([]queue.Result{failed}, len(req.Recipients))
	}
	if nexthop == "" {
		nexthop = req.Nexthop
	}
	req.Transport, req.Nexthop = name, nexthop
	return agent.Deliver(ctx, req)
}

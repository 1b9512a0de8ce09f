package local

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
	"github.com/mtad/mtad/queue"
)

// Table is a lookup table. An error means "try later", never "not found".
type Table interface {
	Lookup(ctx context.Context, key string) (value string, found bool, err error)
}

// AliasMap is one table of alias_maps.
type AliasMap struct {
	Table Table
	// Owner returns the uid that the table belongs to, whose rights its commands and files get;
	// 0 and nil stand for Options.DefaultPrivs.
	Owner func() int
}

// Resolver knows where addresses lead (package rewrite).
type Resolver interface {
	// Standard brings an address to standard form: with a domain.
	Standard(address string) string
	queue.Resolver
}

// Submitter queues a message for those that a recipient stands for. The message is on stable storage
// when it returns.
type Submitter interface {
	Submit(ctx context.Context, env *mail.Envelope, text io.Reader) (id string, err error)
}

// Allowed is a set of sources, as allow_mail_to_commands has them.
type Allowed struct{ Alias, Forward, Include bool }

func (a Allowed) has(k deliver.Kind) bool {
	switch k {
	case deliver.ByAlias:
		return a.Alias
	case deliver.ByForward:
		return a.Forward
	case deliver.ByInclude:
		return a.Include
	}
	return false
}

// Filters are the characters that what a stranger wrote may have; all others become "_".
type Filters struct {
	// Command is command_expansion_filter, Directory execution_directory_expansion_filter,
	// Forward forward_expansion_filter.
	Command, Directory, Forward string
}

// Options of an Agent.
type Options struct {
	// Spool is mail_spool_directory; a "/" at its end makes Maildirs.
	Spool string
	// HomeMailbox is home_mailbox, a path below the home directory; "" for none.
	HomeMailbox string
	// Users are the accounts; not asked with Directory.
	Users Users
	// Directory makes every user of Recipients, or every user when that is nil, have a
	// mailbox in Spool. Recipients (local_recipient_maps) is not asked without it: an account
	// that does not exist is unknown in any case.
	Directory  bool
	Recipients Table
	// Aliases are alias_maps, in order. OwnerSpecial is owner_request_special, ExpandOwner
	// expand_owner_alias, ResetOwner reset_owner_alias.
	Aliases                               []AliasMap
	OwnerSpecial, ExpandOwner, ResetOwner bool
	// ForwardPath is forward_path, unexpanded.
	ForwardPath []string
	// Propagate is propagate_unmatched_extensions, Commands and Files are
	// allow_mail_to_commands and allow_mail_to_files.
	Propagate, Commands, Files Allowed
	// MailboxTransport and FallbackTransport are "transport:nexthop" or ""; their maps and
	// MailboxCommandMaps are nil when there are none.
	MailboxTransport, FallbackTransport                             string
	MailboxTransportMaps, FallbackTransportMaps, MailboxCommandMaps Table
	// MailboxCommand is mailbox_command, LuserRelay luser_relay (unexpanded).
	MailboxCommand, LuserRelay string
	// Shell is local_command_shell, ExecutionDirectory command_execution_directory
	// (unexpanded), WorkDirectory where commands start without it (queue_directory), TimeLimit
	// command_time_limit.
	Shell, ExecutionDirectory, WorkDirectory string
	TimeLimit                                time.Duration
	// Environment is what all commands have in theirs (export_environment).
	Environment []string
	Filters     Filters
	// DefaultPrivs is the account that commands and files of aliases get the rights of
	// (default_privs).
	DefaultPrivs string
	// NeverRoot has mail for root delivered with the rights of DefaultPrivs, to MailboxCommand or
	// to the mailbox in Spool; root's .forward is not read. Postfix delivers to root's mailbox as
	// root.
	NeverRoot bool
	// SoftBounce says that what bounces is tried again (soft_bounce).
	SoftBounce bool
	// RequireHome defers mail for a user without a home directory (require_home_directory).
	RequireHome bool
	// RecipientDelimiter has the bytes that begin an address extension (recipient_delimiter).
	RecipientDelimiter string
	// DoubleBounceSender is the user whose mail is thrown away (double_bounce_sender), "" for
	// nobody.
	DoubleBounceSender string
	// Original puts X-Original-To on top of the message (enable_original_recipient).
	// Delivered, DeliveredCommand and DeliveredForward put Delivered-To ("file", "command" and
	// "forward" in prepend_delivered_header).
	Original, Delivered, DeliveredCommand, DeliveredForward bool
	// DuplicateLimit is how many deliveries of one recipient are remembered to find equal ones,
	// 0 for any number (duplicate_filter_limit).
	DuplicateLimit int
	// Mailbox writes the mailboxes of users, AnyFile other files, each with the rights of its
	// owner; AnyFile is Mailbox when nil.
	Mailbox, AnyFile mailbox.Deliverer
	// Runner runs commands, Reader reads .forward and :include: files; deliver.Self when nil.
	Runner deliver.Runner
	Reader deliver.Files
	// Resolver and Submitter are needed for aliases, .forward files and LuserRelay.
	Resolver  Resolver
	Submitter Submitter
	// Pass has another transport ("transport:nexthop") deliver a request of one recipient.
	Pass func(ctx context.Context, req *queue.Request, transport string) queue.Result
	// Filter may change what became of a recipient or of a part of it
	// (local_delivery_status_filter); nil changes nothing.
	Filter func(context.Context, *queue.Result)
	// Log gets warnings; required with aliases or .forward files.
	Log *maillog.Service
	// Clock is time.Now unless set.
	Clock func() time.Time
}

func (o Options) withDefaults() (Options, error) {
	expands := len(o.Aliases) > 0 || len(o.ForwardPath) > 0 || o.LuserRelay != ""
	passes := o.MailboxTransport != "" || o.FallbackTransport != "" || o.MailboxTransportMaps != nil || o.FallbackTransportMaps != nil
	switch {
	case o.Spool == "" && (o.Directory || o.HomeMailbox == ""):
		return o, errors.New("local: mail_spool_directory is empty")
	case o.Users == nil && !o.Directory:
		return o, errors.New("local: no accounts to deliver to")
	case o.Mailbox == nil:
		return o, errors.New("local: no mailbox writer")
	case expands && (o.Resolver == nil || o.Submitter == nil || o.Log == nil):
		return o, errors.New("local: aliases or .forward files, but nothing to resolve, submit or log with")
	case passes && o.Pass == nil:
		return o, errors.New("local: no transports to pass mail to")
	}
	if o.AnyFile == nil {
		o.AnyFile = o.Mailbox
	}
	if o.Runner == nil {
		o.Runner = deliver.Self{}
	}
	if o.Reader == nil {
		o.Reader = deliver.Self{}
	}
	if o.TimeLimit <= 0 {
		o.TimeLimit = 1000 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o, nil
}

package bounce

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/bounce/template"
)

// Submitter queues a message that is made here: cleanup. text is in wire form and read once. The
// message is on stable storage when it returns the queue id. It adds Received and Message-Id, as
// to all mail of local origin.
type Submitter interface {
	Submit(ctx context.Context, env *mail.Envelope, text io.Reader) (id string, err error)
}

// Options of a Notifier.
type Options struct {
	// Hostname and Origin are myhostname and myorigin.
	Hostname, Origin string
	// SizeLimit is bounce_size_limit: a message of more bytes is returned without its body;
	// 0 for no limit.
	SizeLimit int64
	// Threaded has notices refer to the message that they are about (enable_threaded_bounces).
	Threaded bool
	// NoVERP makes one notice of all failures although each recipient's mail had a sender of its own
	// (disable_verp_bounces).
	NoVERP bool
	// Classes is notify_classes.
	Classes Classes
	// BounceRecipient, DoubleBounceRecipient and DelayRecipient get the postmaster's notices
	// (bounce_notice_recipient, 2bounce_notice_recipient, delay_notice_recipient); each is
	// postmaster when "".
	BounceRecipient, DoubleBounceRecipient, DelayRecipient string
	// ErrorRecipient gets the dialogues of sessions with errors, postmaster when ""
	// (error_notice_recipient). MailName is the product in their subjects (mail_name).
	ErrorRecipient, MailName string
	// Templates are the texts of bounce_template_file; nil: the usual ones. Parameters are the
	// values of their macros.
	Templates  template.Set
	Parameters template.Lookup
	// DoubleBounceSender is the local part, at Hostname, from which postmaster's notices come, double-bounce
	// when "" (double_bounce_sender).
	DoubleBounceSender string
	// Timeout is how long a submission may take, 5 minutes when 0.
	Timeout time.Duration
	// Submitter queues the notices.
	Submitter Submitter
	// Log gets Postfix's lines of the bounce service.
	Log *maillog.Service
	// Clock is time.Now and Random crypto/rand.Reader unless set. Both are used concurrently.
	Clock  func() time.Time
	Random io.Reader
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Hostname == "" || o.Origin == "":
		return o, errors.New("bounce: myhostname or myorigin is empty")
	case o.Submitter == nil:
		return o, errors.New("bounce: nowhere to submit notices to")
	case o.Log == nil:
		return o, errors.New("bounce: no log")
	}
	for _, name := range []*string{&o.BounceRecipient, &o.DoubleBounceRecipient, &o.DelayRecipient, &o.ErrorRecipient} {
		*name = orDefault(*name, "postmaster")
	}
	if o.Templates != nil {
		if o.Parameters == nil {
			return o, errors.New("bounce: templates, but no parameters")
		}
		if err := o.Templates.Check(o.Parameters); err != nil {
			return o, err
		}
	}
	o.MailName = orDefault(o.MailName, "mtad")
	o.DoubleBounceSender = orDefault(o.DoubleBounceSender, "double-bounce")
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o, nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Classes is a set of notify_classes: what postmaster wants to hear of.
type Classes uint16

// The classes of postconf(5).
const (
	ClassBounce Classes = 1 << iota
	ClassDoubleBounce
	ClassData
	ClassDelay
	ClassPolicy
	ClassProtocol
	ClassResource
	ClassSoftware
)

var classNames = [...]string{"bounce", "2bounce", "data", "delay", "policy", "protocol", "resource", "software"}

// ParseClasses reads the value of notify_classes: names with commas or white space between. An
// unknown name is an error.
func ParseClasses(value string) (Classes, error) {
	var c Classes
next:
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		for i, name := range classNames {
			if strings.EqualFold(word, name) {
				c |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("unknown notify class %q: use %s", word, strings.Join(classNames[:], ", "))
	}
	return c, nil
}

// Has reports whether c has one of these classes.
func (c Classes) Has(these Classes) bool { return c&these != 0 }

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/pickup/drop"
)

const postsuperUsage = "usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] " +
	"[-f queue_id (expire and/or un-hold)] [-h queue_id (hold)] [-H queue_id (un-hold)] [-p (purge temporary files)] " +
	"[-r queue_id (requeue)] [-s (structure fix)] [-S (redundant structure fix)][-v (verbose)] [queue...]"

const helpPostsuper = `usage: postsuper [-ps] [-d|-h|-H|-r|-e|-f ID]... [SELECTOR...] [QUEUE...]

  -d ID  delete          -h ID  put on hold     -H ID  release from hold
  -r ID  requeue         -e ID  return to the sender at the next attempt
  -f ID  as -e, and release from hold
  -p     remove what dead writers left unfinished in maildrop
  -s     check the queue of a stopped daemon and mend it (-S too)
  -c DIR configuration directory

ID may be "-" (ids from standard input) or ALL: with the selectors, or all.
QUEUE: hold, incoming, active, deferred, corrupt. Without one -h takes incoming,
active and deferred, -H hold, the others all but corrupt. For root and the
owner of the queue; with the daemon down the queue is changed directly, and
requeued when it starts.
` + helpSelectors + `
Exit code: 0 done, 1 not done.
`

// deadAfter is the age at which an unfinished maildrop file has no writer any more: sendmail gives
// up much earlier.
const deadAfter = 24 * time.Hour

// order is one option of postsuper: what to do to which messages.
type order struct {
	action ctl.Action
	ids    []string
	all    bool
}

// super is one run of postsuper.
type super struct {
	sh  *shell
	cfg *conf.Config
	sel ctl.Selector
	// by sends an order to the daemon, or does it directly.
	by func(context.Context, *order, func(ctl.Done)) error

	orders       []order
	purge, check bool
	counts       map[string]int
	failed       bool
}

// superAction is what an option's letter stands for.
func superAction(letter byte) ctl.Action {
	return map[byte]ctl.Action{'d': ctl.Delete, 'h': ctl.Hold, 'H': ctl.Release, 'r': ctl.Requeue, 'e': ctl.Expire, 'f': ctl.Free}[letter]
}

func postsuper(sh *shell, args []string) int {
	s := &super{sh: sh, counts: map[string]int{}}
	err := s.read(args)
	switch {
	case errors.Is(err, errUsage):
		return sh.fail(exFailure, postsuperUsage)
	case err != nil:
		return sh.fail(exFailure, "%v", err)
	}
	if s.cfg, err = sh.config(); err == nil {
		err = s.run(context.Background())
	}
	var e *status.Error
	switch {
	case errors.As(err, &e) && e.Reply.DSN() == "5.7.1", errors.Is(err, errNotSuper):
		return sh.fail(exFailure, "%v", errNotSuper)
	case err != nil:
		return sh.fail(exFailure, "%s", told(err))
	case s.failed:
		return exFailure
	}
	return exOK
}

var (
	errUsage    = errors.New("usage")
	errNotSuper = errors.New("use of this command is reserved for the superuser")
)

// read reads the arguments.
func (s *super) read(args []string) (err error) {
	if s.sel, args, err = cutSelector(args); err != nil {
		fmt.Fprintf(s.sh.err, "%s: %v\n", s.sh.name, err)
		return errUsage
	}
	opts, queues, err := getopt(args, "c:d:e:f:h:H:pr:sSv")
	if err != nil {
		fmt.Fprintf(s.sh.err, "%s: %v\n", s.sh.name, err)
		return errUsage
	}
	for _, name := range queues {
		if !slices.Contains([]string{"hold", "incoming", "active", "deferred", "corrupt"}, name) {
			return fmt.Errorf("invalid directory name: %s", name)
		}
	}
	s.sel.Queues = append(s.sel.Queues, queues...)
	for _, o := range opts {
		switch o.letter {
		case 'c':
			s.sh.dir = o.value
		case 'p':
			s.purge = true
		case 's', 'S':
			s.check = true
		case 'v':
		default:
			s.add(superAction(o.letter), o.value)
		}
	}
	if len(s.orders) == 0 && !s.purge {
		s.purge, s.check = true, true // as Postfix does without options
	}
	return nil
}

// add notes one id, ids from standard input, or all.
func (s *super) add(a ctl.Action, id string) {
	i := slices.IndexFunc(s.orders, func(o order) bool { return o.action == a })
	if i < 0 {
		s.orders = append(s.orders, order{action: a})
		i = len(s.orders) - 1
	}
	o := &s.orders[i]
	switch id {
	case "ALL":
		o.all = true
	case "-":
		in := bufio.NewScanner(s.sh.in)
		for in.Scan() {
			s.addID(o, strings.TrimSpace(in.Text()))
		}
		if err := in.Err(); err != nil {
			s.sh.warn("standard input: %v", err)
			s.failed = true
		}
	default:
		s.addID(o, id)
	}
}

func (s *super) addID(o *order, id string) {
	if !isID(id) {
		s.sh.warn("invalid mail queue id: %s", id)
		return
	}
	o.ids = append(o.ids, id)
}

// run does everything: the checks first, then requeue, delete, hold, expire and release.
func (s *super) run(ctx context.Context) error {
	if uid := os.Geteuid(); uid != 0 && !ownsQueue(s.cfg, uid) {
		return errNotSuper
	}
	if s.purge {
		if _, err := drop.Purge(dropDir(s.cfg), time.Now().Add(-deadAfter)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	client := ctl.NewClient(s.cfg.String("control_socket"))
	defer client.Close()
	_, err := client.Status(ctx)
	switch {
	case err == nil:
		s.by = func(ctx context.Context, o *order, done func(ctl.Done)) error { return s.ask(ctx, client, o, done) }
		err = s.obey(ctx)
		s.note(ctx, client)
		return err
	case !errors.Is(err, ctl.ErrDown):
		return err
	case len(s.orders) == 0 && !s.check:
		return nil
	}
	return s.direct(ctx)
}

// ownsQueue says whether a user is the owner of the queue.
func ownsQueue(c *conf.Config, uid int) bool {
	owner, err := queueOwner(c)
	return err == nil && owner == uid
}

// ask has the daemon obey an order.
func (s *super) ask(ctx context.Context, c *ctl.Client, o *order, done func(ctl.Done)) error {
	if o.all {
		return c.ActAll(ctx, o.action, &s.sel, done)
	}
	return c.Act(ctx, o.action, o.ids, &s.sel, done)
}

// direct obeys with the daemon down. That the queue was opened is the check.
func (s *super) direct(ctx context.Context) error {
	off, err := openOffline(s.cfg, true)
	if errors.Is(err, errNoQueue) {
		s.totals()
		return nil
	}
	if err != nil {
		return err
	}
	s.by = func(ctx context.Context, o *order, done func(ctl.Done)) error {
		sel := s.sel
		if len(sel.Queues) == 0 {
			sel.Queues = o.action.Queues()
		}
		if o.all {
			return ctl.DoAll(ctx, o.action, off, &sel, done)
		}
		ctl.DoIDs(ctx, o.action, off, o.ids, &sel, done)
		return nil
	}
	return errors.Join(s.obey(ctx), off.close())
}

// obey carries out the orders, each message's fate on standard error if it was named.
func (s *super) obey(ctx context.Context) error {
	for i := range s.orders {
		o := &s.orders[i]
		err := s.by(ctx, o, func(d ctl.Done) { s.done(o, d) })
		if err != nil {
			return err
		}
	}
	s.totals()
	return nil
}

// superWords are what became of a message, and what stands before the total.
func superWords(a ctl.Action) (one, total string) {
	switch a {
	case ctl.Requeue:
		return "requeued", "Requeued"
	case ctl.Delete:
		return "removed", "Deleted"
	case ctl.Hold:
		return "placed on hold", "Placed on hold"
	case ctl.Expire:
		return "expired", "Force-expired"
	}
	return "released from hold", "Released from hold"
}

func (s *super) done(o *order, d ctl.Done) {
	if d.Failure != "" {
		s.sh.warn("%s: %s", d.ID, d.Failure)
		s.failed = true
		return
	}
	acts := []ctl.Action{o.action}
	if o.action == ctl.Free {
		acts = acts[:0]
		if d.Expired {
			acts = append(acts, ctl.Expire)
		}
		if d.Released {
			acts = append(acts, ctl.Release)
		}
	}
	for _, a := range acts {
		one, total := superWords(a)
		s.counts[total]++
		if !o.all {
			fmt.Fprintf(s.sh.err, "%s: %s: %s\n", s.sh.name, d.ID, one)
		}
	}
}

// totalLines are the totals, in Postfix's order: of what was asked for, and of what was done.
func (s *super) totalLines() (lines []string) {
	for _, a := range []ctl.Action{ctl.Requeue, ctl.Delete, ctl.Hold, ctl.Expire, ctl.Release} {
		_, word := superWords(a)
		n := s.counts[word]
		asked := slices.ContainsFunc(s.orders, func(o order) bool {
			return o.action == a || o.action == ctl.Free && (a == ctl.Expire || a == ctl.Release)
		})
		if !asked && n == 0 {
			continue
		}
		plural := "s"
		if n == 1 {
			plural = ""
		}
		lines = append(lines, fmt.Sprintf("%s: %d message%s", word, n, plural))
	}
	return lines
}

func (s *super) totals() {
	for _, l := range s.totalLines() {
		fmt.Fprintf(s.sh.err, "%s: %s\n", s.sh.name, l)
	}
}

// note leaves the totals in the mail log.
func (s *super) note(ctx context.Context, c *ctl.Client) {
	if lines := s.totalLines(); len(lines) > 0 {
		if err := c.Note(ctx, s.sh.name, "info", lines); err != nil {
			s.sh.warn("mail log: %s", told(err))
		}
	}
}

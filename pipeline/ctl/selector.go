package ctl

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// maxWord is the longest text of a Selector that a request may carry, in bytes.
const maxWord = 1 << 10

// Selector says which entries are meant: those to which all that is set applies. The zero Selector
// means every entry.
type Selector struct {
	// Queues are names of states ("deferred"); empty: all.
	Queues []string
	// Site is the domain of a recipient that is not done, without regard to case.
	Site string
	// Sender and Recipient are patterns for the envelope sender and a recipient that is not
	// done: "user@example.com", "@example.com" for a domain, "<>" for the null sender, "*" for
	// any text. Case does not matter. Recipient is compared with the original address too.
	Sender, Recipient string
	// Reason is part of what a recipient is waiting for, or of why the entry is on hold. Case
	// does not matter.
	Reason string
	// Plugin is the name of the plugin that put the entry on hold or into quarantine, with "*" for
	// any text; "*" is any plugin. Case does not matter.
	Plugin string
	// Older and Younger bound the age, Larger and Smaller the size in bytes; 0: no bound.
	Older, Younger  time.Duration
	Larger, Smaller int64
}

// IsZero reports whether every entry is meant.
func (s *Selector) IsZero() bool { return len(s.Queues) == 0 && s.anyState() }

// anyState reports whether nothing but Queues is set.
func (s *Selector) anyState() bool {
	return s.Site+s.Sender+s.Recipient+s.Reason+s.Plugin == "" && s.Older == 0 && s.Younger == 0 && s.Larger == 0 && s.Smaller == 0
}

// Match reports whether an entry is meant.
func (s *Selector) Match(now time.Time, e *queue.Entry, r *queue.Record) bool {
	age := now.Sub(e.Arrived)
	switch {
	case len(s.Queues) > 0 && !slices.Contains(s.Queues, r.State.String()),
		s.Older > 0 && age < s.Older, s.Younger > 0 && age >= s.Younger,
		s.Larger > 0 && e.Size <= s.Larger, s.Smaller > 0 && e.Size >= s.Smaller,
		s.Sender != "" && !like(s.Sender, e.Sender),
		s.Plugin != "" && !heldBy(s.Plugin, r):
		return false
	}
	return s.matchRecipient(e, r)
}

// matchRecipient looks for one recipient that is not done to which Site, Recipient and Reason all
// apply.
func (s *Selector) matchRecipient(e *queue.Entry, r *queue.Record) bool {
	if s.Site+s.Recipient+s.Reason == "" {
		return true
	}
	site := strings.ToLower(s.Site)
	for i := range e.Recipients {
		to := &e.Recipients[i]
		reason := r.Reason
		if i < len(r.Recipients) {
			if r.Recipients[i].Outcome.Done() {
				continue
			}
			reason += "\n" + r.Recipients[i].Reply.Text
		}
		if (site == "" || addr.Domain(to.Address) == site) &&
			(s.Recipient == "" || like(s.Recipient, to.Address) || like(s.Recipient, to.Original)) &&
			(s.Reason == "" || strings.Contains(strings.ToLower(reason), strings.ToLower(s.Reason))) {
			return true
		}
	}
	return false
}

// heldBy reports whether a plugin whose name fits put the entry on hold.
func heldBy(pattern string, r *queue.Record) bool {
	name := PluginOf(r.Reason)
	return r.State == queue.Hold && name != "" && glob(strings.ToLower(pattern), strings.ToLower(name))
}

// like reports whether an address fits a pattern.
func like(pattern, address string) bool {
	pattern, address = strings.ToLower(pattern), strings.ToLower(address)
	switch {
	case pattern == "<>":
		return address == ""
	case strings.HasPrefix(pattern, "@"):
		pattern = "*" + pattern
	}
	return glob(pattern, address)
}

// glob compares with a pattern in which "*" stands for any text. It takes no more steps than the
// product of the lengths.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) || !strings.HasSuffix(s[len(first):], last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return true
}

// Query returns the selector as the query of a request; ParseSelector reads it back.
func (s *Selector) Query() url.Values {
	q := url.Values{}
	for _, name := range s.Queues {
		q.Add("queue", name)
	}
	for _, f := range s.words() {
		if *f.to != "" {
			q.Set(f.name, *f.to)
		}
	}
	for _, f := range s.ages() {
		if *f.to > 0 {
			q.Set(f.name, f.to.String())
		}
	}
	for _, f := range s.sizes() {
		if *f.to > 0 {
			q.Set(f.name, strconv.FormatInt(*f.to, 10))
		}
	}
	return q
}

type wordField struct {
	name string
	to   *string
}

func (s *Selector) words() []wordField {
	return []wordField{{"site", &s.Site}, {"sender", &s.Sender}, {"recipient", &s.Recipient}, {"reason", &s.Reason}, {"plugin", &s.Plugin}}
}

type ageField struct {
	name string
	to   *time.Duration
}

func (s *Selector) ages() []ageField {
	return []ageField{{"older", &s.Older}, {"younger", &s.Younger}}
}

type sizeField struct {
	name string
	to   *int64
}

func (s *Selector) sizes() []sizeField {
	return []sizeField{{"larger", &s.Larger}, {"smaller", &s.Smaller}}
}

// ParseSelector reads a query. A part that is no selector is left alone. The error is a
// *status.Error with a 5xx reply.
func ParseSelector(q url.Values) (Selector, error) {
	s := Selector{Queues: q["queue"]}
	for _, name := range s.Queues {
		if !isState(name) {
			return s, badSelector("queue", name)
		}
	}
	for _, f := range s.words() {
		if *f.to = q.Get(f.name); len(*f.to) > maxWord {
			return s, badSelector(f.name, "too long")
		}
	}
	for _, f := range s.ages() {
		text := q.Get(f.name)
		if text == "" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return s, badSelector(f.name, text)
		}
		*f.to = d
	}
	for _, f := range s.sizes() {
		text := q.Get(f.name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n <= 0 {
			return s, badSelector(f.name, text)
		}
		*f.to = n
	}
	return s, nil
}

func badSelector(name, value string) error {
	return status.New(501, "5.5.4", "Bad value for %s: %s", name, fmt.Sprintf("%.60q", value))
}

func isState(name string) bool {
	for s := queue.Incoming; s <= queue.Corrupt; s++ {
		if s.String() == name {
			return true
		}
	}
	return false
}

package access

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/status"
)

// Compiler makes lists of the words of parameters. Safe for concurrent use; its fields must not
// change once it is used.
type Compiler struct {
	// Classes are the lists of smtpd_restriction_classes.
	Classes map[string][]string
	// Open opens a table ("type:name").
	Open func(spec string) (Table, error)
	// Parents: smtpd_access_maps is in parent_domain_matches_subdomains.
	Parents bool
	// Anonymous says that clients are never asked for a certificate: restrictions that look at one
	// then never apply, which is worth a warning.
	Anonymous bool
	// Policy returns the client of a policy service; spec is what stands behind
	// check_policy_service.
	Policy func(spec string) (PolicyService, error)

	mu      sync.Mutex
	results map[string]*List // lists that stand in tables
}

// PolicyService answers policy questions (SMTPD_POLICY_README).
type PolicyService interface {
	// Ask returns the action for a question; it never fails, but answers with the default
	// action of its configuration.
	Ask(ctx context.Context, q *Query) (action string)
}

// Unknown is a restriction that cannot be asked: it is not known, lacks its argument, or its
// table cannot be opened.
type Unknown struct {
	List, Restriction string
	// Cause says why; nil when the restriction is not known.
	Cause error
	// Idle says that the restriction is asked all the same, and never applies.
	Idle bool
}

// Error names the list and the restriction.
func (u Unknown) Error() string {
	if u.Idle {
		return fmt.Sprintf("%s: %s: %v", u.List, u.Restriction, u.Cause)
	}
	if u.Cause != nil {
		return fmt.Sprintf("%s: %s: %v; what reaches it is answered 451 4.3.5", u.List, u.Restriction, u.Cause)
	}
	return fmt.Sprintf("%s: unknown or unsupported restriction %q; what reaches it is answered 451 4.3.5", u.List, u.Restriction)
}

// Compile reads the restrictions of the list called name (a parameter). The List works in any
// case; restrictions that cannot be asked are returned for the log and for mtad check.
func (k *Compiler) Compile(name string, words []string) (*List, []Unknown) {
	p := compilation{k: k, list: &List{name: name}, words: words}
	for len(p.words) > 0 && p.one() {
	}
	return p.list, p.unknown
}

// compilation is a list that is being compiled.
type compilation struct {
	k       *Compiler
	list    *List
	words   []string
	warn    bool
	unknown []Unknown
	depth   int // of restriction classes
}

// maxDepth bounds restriction classes and table results within each other.
const maxDepth = 100

// one compiles the next restriction; false ends the list, because what follows cannot be told from
// arguments.
func (p *compilation) one() bool {
	w := p.words[0]
	p.words = p.words[1:]
	key := alias(strings.ToLower(w))
	if key == "warn_if_reject" {
		p.warn = true
		return true
	}
	if words, ok := p.k.Classes[w]; ok {
		return p.class(w, words)
	}
	if plain, ok := restrictions[key]; ok {
		p.add(key, plain)
		p.list.rules[len(p.list.rules)-1].plain = true
		if strings.HasPrefix(key, "permit_tls_") {
			p.asked(key)
		}
		return true
	}
	if strings.Contains(w, ":") && !strings.HasPrefix(w, "{") { // a table alone: the check of its list
		p.words = append([]string{w}, p.words...)
		return p.parameterised(defaultCheck(p.list.name))
	}
	return p.parameterised(key)
}

func (p *compilation) add(name string, a ask) {
	p.list.rules = append(p.list.rules, rule{name: name, ask: a, warn: p.warn})
	p.warn = false
}

func (p *compilation) bad(name string, cause error) bool {
	p.unknown = append(p.unknown, Unknown{List: p.list.name, Restriction: name, Cause: cause})
	p.add(name, misconfigured)
	return cause != nil
}

func (p *compilation) class(name string, words []string) bool {
	if p.depth >= maxDepth {
		return p.bad(name, fmt.Errorf("restriction classes contain each other"))
	}
	sub := compilation{k: p.k, list: &List{name: p.list.name}, words: words, depth: p.depth + 1}
	for len(sub.words) > 0 && sub.one() {
	}
	p.unknown = append(p.unknown, sub.unknown...)
	p.add(name, sub.list.within)
	return true
}

// within asks the list as a part of another one.
func (l *List) within(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	if q.depth >= maxDepth {
		return misconfigured(ctx, e, c, q)
	}
	q.depth++
	defer func() { q.depth-- }()
	return l.eval(ctx, e, c, q, func(r *status.Error) { q.note("reject_warning", r.Reply.String()) })
}

// defaultCheck is what a table alone means in a list.
func defaultCheck(listName string) string {
	switch listName {
	case "smtpd_client_restrictions":
		return "check_client_access"
	case "smtpd_helo_restrictions":
		return "check_helo_access"
	case "smtpd_sender_restrictions":
		return "check_sender_access"
	case "smtpd_etrn_restrictions":
		return "check_etrn_access"
	}
	return "check_recipient_access"
}

// parameterised compiles a restriction that takes an argument.
func (p *compilation) parameterised(key string) bool {
	if what, ok := tableChecks[key]; ok {
		spec, ok := p.argument()
		if !ok {
			return p.bad(key, fmt.Errorf("needs a table"))
		}
		t, err := p.k.Open(spec)
		if err != nil {
			return p.bad(key+" "+spec, err)
		}
		p.add(key, (&tableCheck{k: p.k, table: t, rule: key + " " + spec, what: what, list: p.list.name}).ask)
		return true
	}
	if make, ok := dnsLists[key]; ok {
		domain, ok := p.argument()
		if !ok {
			return p.bad(key, fmt.Errorf("needs a domain"))
		}
		l, err := parseDNSList(domain)
		if err != nil {
			return p.bad(key, err)
		}
		p.add(key, make(l))
		p.list.rules[len(p.list.rules)-1].plain = true
		return true
	}
	switch key {
	case "check_policy_service":
		return p.policy()
	case "sleep":
		return p.sleep()
	case "check_ccert_access":
		return p.certificate()
	}
	return p.bad(key, nil)
}

// argument takes the next word; braces around it go.
func (p *compilation) argument() (string, bool) {
	if len(p.words) == 0 {
		return "", false
	}
	w := p.words[0]
	p.words = p.words[1:]
	if text, ok := list.Payload(w); ok {
		w = strings.TrimSpace(text)
	}
	return w, w != ""
}

func (p *compilation) policy() bool {
	spec, ok := p.argument()
	if !ok {
		return p.bad("check_policy_service", fmt.Errorf("needs a server"))
	}
	if p.k.Policy == nil {
		return p.bad("check_policy_service", nil)
	}
	service, err := p.k.Policy(spec)
	if err != nil {
		return p.bad("check_policy_service "+spec, err)
	}
	check := &tableCheck{k: p.k, rule: "check_policy_service " + spec, list: p.list.name}
	p.add("check_policy_service", func(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
		return check.result(ctx, e, c, q, service.Ask(ctx, q), q.name, q.class)
	})
	return true
}

// longestSleep bounds sleep.
const longestSleep = 10 * time.Minute

func (p *compilation) sleep() bool {
	word, _ := p.argument()
	var seconds int
	if _, err := fmt.Sscanf(word, "%d", &seconds); err != nil || seconds < 0 {
		return p.bad("sleep "+word, fmt.Errorf("needs a number of seconds"))
	}
	d := min(time.Duration(seconds)*time.Second, longestSleep)
	p.add("sleep", func(ctx context.Context, _ Env, _ *Codes, _ *Query) (Decision, *status.Error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return Dunno, nil
	})
	return true
}

// maxResults bounds the compiled lists of table results that are kept.
const maxResults = 1000

// listed returns the list that a table result holds.
func (k *Compiler) listed(name, value string) *List {
	key := name + "\x00" + value
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.results[key]; l != nil {
		return l
	}
	l, _ := k.Compile(name, list.Split(value))
	if k.results == nil || len(k.results) >= maxResults {
		k.results = map[string]*List{}
	}
	k.results[key] = l
	return l
}

package query

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
)

// Rules are the parameters that all kinds of tables have: domain, result_format, expansion_limit.
type Rules struct {
	domains *domainlist.List
	format  Template
	limit   int
}

// ErrLimit says that there are more results than expansion_limit allows.
var ErrLimit = errors.New("more results than expansion_limit")

// NewRules reads the common parameters. open opens tables in "domain"; it may be nil.
func NewRules(p *Params, open domainlist.Opener) (*Rules, error) {
	format, err := ParseTemplate(p.String("result_format", p.String("result_filter", "%s")))
	if err != nil {
		return nil, fmt.Errorf("%s: result_format: %w", p.name, err)
	}
	r := &Rules{format: format}
	if r.limit, err = p.Int("expansion_limit", 0); err != nil {
		return nil, err
	}
	if !p.Has("domain") {
		return r, nil
	}
	var items []list.Item
	for _, d := range p.List("domain", "") {
		items = append(items, list.Item{Text: d})
	}
	r.domains, err = domainlist.New(items, domainlist.None, open)
	return r, err
}

// Limit returns expansion_limit, 0 for none.
func (r *Rules) Limit() int { return r.limit }

// Allows reports whether a key is asked: with "domain", only addresses in one of the domains.
func (r *Rules) Allows(ctx context.Context, key string) (bool, error) {
	if r.domains == nil {
		return key != "", nil
	}
	user, domain, qualified := cutAddress(key)
	if !qualified || user == "" || domain == "" {
		return false, nil
	}
	return r.domains.Match(ctx, domain)
}

// Results collects what was found for one key.
type Results struct {
	rules *Rules
	key   string
	text  strings.Builder
	count int
}

// Results begins the collection for a key.
func (r *Rules) Results(key string) *Results { return &Results{rules: r, key: key} }

// Add adds a value; empty ones, and those without a part that the format asks for, do not count.
func (s *Results) Add(value string) error {
	if value == "" {
		return nil
	}
	text, ok := s.rules.format.Expand(value, s.key, Plain)
	if !ok {
		return nil
	}
	if s.count++; s.rules.limit > 0 && s.count > s.rules.limit {
		return ErrLimit
	}
	if s.text.Len() > 0 {
		s.text.WriteByte(',')
	}
	s.text.WriteString(text)
	return nil
}

// Text returns the values with commas between them; found is false when there is none.
func (s *Results) Text() (text string, found bool) { return s.text.String(), s.count > 0 }

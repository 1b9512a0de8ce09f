package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
)

// Bounds of a form.
const (
	maxForm = 64 << 10 // bytes of a body
	maxIDs  = 200      // messages that are named one by one
	maxID   = 255      // bytes of an id or a destination
	maxSkip = 1_000_000
)

// parseSelector reads the selectors of a form or a query, by the names and in the forms that the
// commands take: older "2h" or "1d", larger "10k". The error is a *status.Error with a 5xx reply.
func parseSelector(q url.Values) (ctl.Selector, error) {
	c := url.Values{}
	for _, name := range []string{"site", "sender", "recipient", "reason", "plugin"} {
		if v := strings.TrimSpace(q.Get(name)); v != "" {
			c.Set(name, v)
		}
	}
	for _, name := range q["queue"] {
		if name != "" && !slices.Contains(c["queue"], name) {
			c.Add("queue", name)
		}
	}
	for _, name := range []string{"older", "younger"} {
		if v := strings.TrimSpace(q.Get(name)); v != "" {
			d, err := parseAge(v)
			if err != nil {
				return ctl.Selector{}, badForm(name, v)
			}
			c.Set(name, d.String())
		}
	}
	for _, name := range []string{"larger", "smaller"} {
		if v := strings.TrimSpace(q.Get(name)); v != "" {
			n, err := parseSize(v)
			if err != nil {
				return ctl.Selector{}, badForm(name, v)
			}
			c.Set(name, strconv.FormatInt(n, 10))
		}
	}
	if len(c["queue"]) > 8 {
		return ctl.Selector{}, badForm("queue", strings.Join(c["queue"][:8], ","))
	}
	return ctl.ParseSelector(c)
}

func badForm(name, value string) error {
	return status.New(501, "5.5.4", "Bad value for %s: %s", name, fmt.Sprintf("%.60q", value))
}

// parseAge reads "30m", "2h", "1d", "1w" and what Go writes.
func parseAge(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if s != "" {
		if unit, ok := units[s[len(s)-1]]; ok {
			n, err := strconv.ParseUint(s[:len(s)-1], 10, 12)
			if err != nil || n == 0 {
				return 0, fmt.Errorf("bad time: %.40q", s)
			}
			return time.Duration(n) * unit, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("bad time: %.40q", s)
	}
	return d, nil
}

// parseSize reads bytes, with k, M or G for powers of 1024.
func parseSize(s string) (int64, error) {
	shift := 0
	if s != "" {
		switch s[len(s)-1] | 0x20 {
		case 'k':
			shift = 10
		case 'm':
			shift = 20
		case 'g':
			shift = 30
		}
	}
	if shift > 0 {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseUint(s, 10, 62)
	if err != nil || n == 0 || n > 1<<62>>shift {
		return 0, fmt.Errorf("bad size: %.40q", s)
	}
	return int64(n) << shift, nil
}

// formAge writes an age as parseAge reads it and people do.
func formAge(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d%(24*time.Hour) == 0:
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
	return d.String()
}

// parseIDs reads the ids of a form, each once.
func parseIDs(q url.Values) ([]string, error) {
	var ids []string
	for _, id := range q["id"] {
		switch {
		case id == "" || slices.Contains(ids, id):
			continue
		case len(id) > maxID || len(ids) == maxIDs:
			return nil, status.New(501, "5.5.4", "Too many messages, or no queue id: %s", fmt.Sprintf("%.60q", id))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
)

// helpSelectors tells of the selectors; several verbs show it.
const helpSelectors = `
Selectors choose messages; all that are given must apply: --queue NAME,
--site DOMAIN, --sender and --recipient PATTERN ("*", "@domain", "<>"),
--reason TEXT, --plugin NAME (which put it on hold), --older and
--younger TIME (30m, 2h, 1d), --larger and --smaller BYTES (10k, 1M).
`

// cutSelector takes the selectors out of the arguments: "--site X" or "--site=X".
func cutSelector(args []string) (sel ctl.Selector, rest []string, err error) {
	for i := 0; i < len(args); i++ {
		word, ok := strings.CutPrefix(args[i], "--")
		if !ok || word == "" {
			rest = append(rest, args[i])
			if args[i] == "--" {
				return sel, append(rest, args[i+1:]...), nil
			}
			continue
		}
		name, value, joined := strings.Cut(word, "=")
		if !joined {
			if i++; i == len(args) {
				return sel, nil, fmt.Errorf("option requires an argument -- '%s'", name)
			}
			value = args[i]
		}
		if err := setSelector(&sel, name, value); err != nil {
			return sel, nil, err
		}
	}
	return sel, rest, nil
}

func setSelector(sel *ctl.Selector, name, value string) (err error) {
	switch name {
	case "queue":
		sel.Queues = append(sel.Queues, strings.Split(value, ",")...)
	case "site":
		sel.Site = value
	case "sender":
		sel.Sender = value
	case "recipient":
		sel.Recipient = value
	case "reason":
		sel.Reason = value
	case "plugin":
		sel.Plugin = value
	case "older":
		sel.Older, err = parseAge(value)
	case "younger":
		sel.Younger, err = parseAge(value)
	case "larger":
		sel.Larger, err = parseSize(value)
	case "smaller":
		sel.Smaller, err = parseSize(value)
	default:
		return fmt.Errorf("invalid option -- '%s'", name)
	}
	if err != nil {
		return err
	}
	known := withoutMaildrop(sel)
	_, err = ctl.ParseSelector(known.Query())
	return err
}

// parseAge reads "90s", "30m", "2h", "1d", "1w" and what Go writes.
func parseAge(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if s != "" {
		if unit, ok := units[s[len(s)-1]]; ok {
			n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
			if err != nil || n == 0 {
				return 0, fmt.Errorf("bad time: %s", s)
			}
			return time.Duration(n) * unit, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("bad time: %s", s)
	}
	return d, nil
}

// parseSize reads bytes, with k, M or G for powers of 1024.
func parseSize(s string) (int64, error) {
	digits, shift := s, 0
	for suffix, by := range map[string]int{"k": 10, "K": 10, "m": 20, "M": 20, "g": 30, "G": 30} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			digits, shift = rest, by
		}
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("bad size: %s", s)
	}
	return n << shift, nil
}

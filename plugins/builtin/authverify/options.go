package authverify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// options of the plugin, as its configuration names them.
type options struct {
	id               string // "authserv_id": who says so; master puts myhostname there
	spf, dkim, dmarc bool   // "spf", "dkim", "dmarc": yes (default) or no
	policy           action // "dmarc_policy": report (default), quarantine, reject
	maxSignatures    int    // "max_signatures": 1 to 20, 8
}

// action is the most that is done for the DMARC policy of a domain.
type action int

const (
	report     action = iota // nothing
	quarantine               // hold what is to be quarantined or rejected
	reject                   // hold what is to be quarantined, refuse what is to be rejected
)

const defaultSignatures = 8

func readOptions(config map[string]string) (o options, err error) {
	for name := range config {
		switch name {
		case "authserv_id", "spf", "dkim", "dmarc", "dmarc_policy", "max_signatures":
		default:
			return o, fmt.Errorf("%s: there is no such setting", name)
		}
	}
	if o.id = strings.ToLower(config["authserv_id"]); o.id == "" || !isToken(o.id) {
		return o, fmt.Errorf("authserv_id = %q: want a host name", config["authserv_id"])
	}
	for name, to := range map[string]*bool{"spf": &o.spf, "dkim": &o.dkim, "dmarc": &o.dmarc} {
		switch config[name] {
		case "", "yes", "true":
			*to = true
		case "no", "false":
		default:
			return o, fmt.Errorf("%s = %q: want yes or no", name, config[name])
		}
	}
	if o.dmarc && !(o.spf && o.dkim) {
		return o, errors.New("dmarc = yes needs spf and dkim")
	}
	switch config["dmarc_policy"] {
	case "", "report":
	case "quarantine":
		o.policy = quarantine
	case "reject":
		o.policy = reject
	default:
		return o, fmt.Errorf("dmarc_policy = %q: want report, quarantine or reject", config["dmarc_policy"])
	}
	o.maxSignatures = defaultSignatures
	if s := config["max_signatures"]; s != "" {
		if o.maxSignatures, err = strconv.Atoi(s); err != nil || o.maxSignatures < 1 || o.maxSignatures > 20 {
			return o, fmt.Errorf("max_signatures = %q: want 1 to 20", s)
		}
	}
	return o, nil
}

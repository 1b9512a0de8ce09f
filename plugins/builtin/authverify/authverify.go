package authverify

import (
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// Plugin verifies who mail is from. Safe for concurrent use.
type Plugin struct{ o options }

var _ sdk.EOMer = (*Plugin)(nil)

// New reads the configuration (README.md).
func New(config map[string]string) (sdk.Plugin, error) {
	o, err := readOptions(config)
	if err != nil {
		return nil, err
	}
	return &Plugin{o}, nil
}

// EOM checks the message, writes what was found on top of its header and decides.
func (p *Plugin) EOM(tx sdk.Tx) sdk.Verdict {
	if tx.OriginKind() != "smtp" || tx.Property("client.trusted") != "" {
		return sdk.Continue
	}
	var results []result
	verdict, checked := sdk.Continue, tx.AuthUser() == ""
	var err error
	if checked {
		results, verdict, err = p.check(tx)
	}
	if err == nil {
		err = p.strip(tx)
	}
	if err == nil && checked {
		err = tx.PrependHeader("Authentication-Results", format(p.o.id, results))
	}
	if err != nil {
		tx.Log(sdk.LevelWarn, "the message cannot be checked: "+err.Error())
		return sdk.Tempfail("4.3.0", "Message cannot be checked at the moment")
	}
	return verdict
}

// check runs the methods that are wanted.
func (p *Plugin) check(tx sdk.Tx) (all []result, v sdk.Verdict, err error) {
	var e evidence
	v = sdk.Continue
	if p.o.spf {
		var r result
		r, e.spfDomain = sender(tx)
		e.spf = r.value
		all = append(all, r)
	}
	if p.o.dkim {
		if e.dkim, err = signatures(tx, p.o.maxSignatures); err != nil {
			return nil, v, err
		}
		all = append(all, e.dkim...)
	}
	if p.o.dmarc {
		var found []result
		found, v = p.dmarc(tx, &e)
		all = append(all, found...)
	}
	p.tell(tx, all)
	return all, v, nil
}

// dmarc evaluates the policy of each domain in From. The strictest that fails counts: who adds a
// second From does not get around the first one's (RFC 7489 §6.6.1).
func (p *Plugin) dmarc(tx sdk.Tx, e *evidence) (all []result, v sdk.Verdict) {
	domains := authors(tx)
	if len(domains) == 0 || len(domains) > maxAuthors {
		r := result{method: "dmarc", value: permError, reason: "From has no domain, or too many"}
		if len(domains) > 0 && p.o.policy == reject {
			return []result{r}, sdk.Reject("5.7.26", "Message refused: From names too many domains")
		}
		return []result{r}, sdk.Continue
	}
	worst, of := report, ""
	for _, d := range domains {
		r, wanted := e.evaluate(tx, d)
		all = append(all, r)
		if wanted > worst {
			worst, of = wanted, d
		}
	}
	switch min(worst, p.o.policy) {
	case reject:
		return all, sdk.Reject("5.7.26", "Message refused: it fails the DMARC policy of "+of)
	case quarantine:
		return all, sdk.Quarantine("dmarc " + of)
	}
	return all, sdk.Continue
}

// tell logs and counts what was found.
func (p *Plugin) tell(tx sdk.Tx, all []result) {
	var words []string
	for _, r := range all {
		tx.Count(r.method+"_"+string(r.value), 1)
		word := r.method + "=" + string(r.value)
		if len(r.props) > 0 {
			word += " (" + pvalue(r.props[0].value) + ")"
		}
		words = append(words, word)
	}
	tx.Log(sdk.LevelInfo, strings.Join(words, " "))
}

// strip removes the fields that claim to be ours, or that nobody can say whose they are
// (RFC 8601 §5).
func (p *Plugin) strip(tx sdk.Tx) error {
	const name = "Authentication-Results"
	for i := tx.Host.HdrFind(name, 0); i >= 0; {
		v, e := tx.Host.HdrGet(i, sdk.PartValue)
		if e != sdk.OK {
			return e
		}
		if id, ok := claims(string(v)); ok && id != p.o.id {
			i = tx.Host.HdrFind(name, i+1)
			continue
		}
		if e := tx.Host.HdrDel(i); e != sdk.OK {
			return e
		}
		tx.Count("stripped", 1)
		i = tx.Host.HdrFind(name, i)
	}
	return nil
}

package dkimsign

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// options of the plugin, as its configuration names them.
type options struct {
	keys []*key // "domain", "selector", "key", "for"; more in tables [plugin.config.keys.NAME]
	// table: there is a table "keys" in [plugin.config.maps]: domain of From → one or more of
	// selector:domain:file, separated by white space or commas.
	table    bool
	sign     origins               // "sign": local, authenticated, mynetworks
	headers  []string              // "headers": the fields that are signed where they stand
	oversign []string              // "oversign": of these one more is signed than there are
	header   dkim.Canonicalization // "canonicalization": relaxed/relaxed; header, then body
	body     dkim.Canonicalization
	expire   time.Duration // "expire": how long signatures hold (x=); none for ever
}

// origins says whose mail is signed.
type origins struct{ local, authenticated, mynetworks bool }

// defaultHeaders are those that RFC 6376 §5.4.1 recommends.
var defaultHeaders = []string{"From", "Reply-To", "Subject", "Date", "To", "Cc", "Message-ID", "In-Reply-To", "References",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Resent-Date", "Resent-From", "Resent-To", "Resent-Cc",
	"List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post", "List-Owner", "List-Archive"}

// defaultOversign keeps a second From, To or Subject from being added in front of the signed one
// (RFC 6376 §8.15).
var defaultOversign = []string{"From", "To", "Cc", "Subject", "Date", "Reply-To"}

var settings = []string{"domain", "selector", "key", "for", "sign", "headers", "oversign", "canonicalization", "expire"}

func readOptions(config map[string]string) (o options, err error) {
	named := map[string]map[string]string{}
	for name, value := range config {
		part := strings.Split(name, ".")
		switch {
		case name == "maps.keys":
			o.table = true
		case len(part) == 3 && part[0] == "keys" && slices.Contains(settings[:4], part[2]):
			if named[part[1]] == nil {
				named[part[1]] = map[string]string{}
			}
			named[part[1]][part[2]] = value
		case !slices.Contains(settings, name):
			return o, fmt.Errorf("%s: there is no such setting", name)
		}
	}
	if err := o.readKeys(config, named); err != nil {
		return o, err
	}
	if err := o.readHeaders(config); err != nil {
		return o, err
	}
	if o.sign, err = readOrigins(config["sign"]); err != nil {
		return o, err
	}
	if s := config["expire"]; s != "" {
		if o.expire, err = time.ParseDuration(s); err != nil || o.expire < time.Hour {
			return o, fmt.Errorf("expire = %q: want a time of 1h or more, as 168h", s)
		}
	}
	return o, o.readCanonicalization(config["canonicalization"])
}

// readKeys loads the keys, those of tables in the order of their names.
func (o *options) readKeys(config map[string]string, named map[string]map[string]string) error {
	if config["domain"] != "" || config["selector"] != "" || config["key"] != "" {
		if err := o.addKey(config); err != nil {
			return err
		}
	}
	names := make([]string, 0, len(named))
	for name := range named {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := o.addKey(named[name]); err != nil {
			return fmt.Errorf("keys.%s: %w", name, err)
		}
	}
	if len(o.keys) == 0 && !o.table {
		return errors.New("set domain, selector and key in [plugin.config]")
	}
	return nil
}

func (o *options) addKey(c map[string]string) error {
	if c["domain"] == "" || c["selector"] == "" || c["key"] == "" {
		return errors.New("domain, selector and key go together")
	}
	k, err := newKey(c["domain"], c["selector"], c["key"])
	if err != nil {
		return err
	}
	for _, p := range fields(c["for"]) {
		p = strings.ToLower(p)
		if p != "*" {
			if err := checkName("for", strings.TrimPrefix(p, ".")); err != nil {
				return err
			}
		}
		k.patterns = append(k.patterns, p)
	}
	if k.patterns == nil {
		k.patterns = []string{k.domain}
	}
	o.keys = append(o.keys, k)
	return nil
}

// newKey loads a key that signs as domain.
func newKey(domain, selector, file string) (*key, error) {
	k := &key{domain: strings.ToLower(domain), selector: strings.ToLower(selector)}
	err := errors.Join(checkName("domain", k.domain), checkName("selector", k.selector))
	if err == nil {
		k.signer, err = loadKey(file)
	}
	return k, err
}

func (o *options) readHeaders(config map[string]string) error {
	o.headers, o.oversign = defaultHeaders, defaultOversign
	if s, set := config["headers"]; set {
		o.headers = fields(s)
	}
	if s, set := config["oversign"]; set {
		o.oversign = fields(s)
	}
	for _, name := range slices.Concat(o.headers, o.oversign) {
		if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' || r == ';' }) {
			return fmt.Errorf("headers: %q is no name of a header field", name)
		}
	}
	if !contains(o.headers, "From") {
		return errors.New("headers: From has to be signed (RFC 6376 §5.4)")
	}
	return nil
}

func readOrigins(s string) (o origins, err error) {
	if s == "" {
		return origins{true, true, true}, nil
	}
	for _, w := range fields(s) {
		switch w {
		case "local":
			o.local = true
		case "authenticated":
			o.authenticated = true
		case "mynetworks":
			o.mynetworks = true
		default:
			return o, fmt.Errorf("sign = %q: want local, authenticated, mynetworks or several of them", s)
		}
	}
	return o, nil
}

func (o *options) readCanonicalization(s string) error {
	if s == "" {
		s = "relaxed/relaxed"
	}
	header, body, both := strings.Cut(s, "/")
	if !both {
		body = "simple" // RFC 6376 §3.5: the default of the second half
	}
	o.header, o.body = dkim.Canonicalization(header), dkim.Canonicalization(body)
	for _, c := range []dkim.Canonicalization{o.header, o.body} {
		if c != dkim.CanonicalizationRelaxed && c != dkim.CanonicalizationSimple {
			return fmt.Errorf("canonicalization = %q: want relaxed or simple, twice, as relaxed/simple", s)
		}
	}
	return nil
}

// fields splits a list at white space and commas.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == ',' })
}

package milter

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/table"
)

// options of a milter, as its configuration names them. Each answers to the Postfix parameter with
// "milter_" before its name, where there is one.
type options struct {
	network, address string // "address": unix:/path, inet:host:port or inet:port@host
	mail             string // "mail": smtp (default), local (mail that did not come by SMTP) or all
	action           string // "default_action": accept, reject, tempfail (default), quarantine, shutdown
	version          uint32 // "protocol": 2, 3, 4 or 6 (default), maybe with no_header_reply
	noHeaderReply    bool
	connectTimeout   time.Duration     // "connect_timeout": 30s
	commandTimeout   time.Duration     // "command_timeout": 30s
	contentTimeout   time.Duration     // "content_timeout": 300s
	hostname         string            // "hostname": the macro j (myhostname)
	macros           [numStages]string // "connect_macros" …: names, separated by spaces or commas
	macroV           string            // "macro_v": the macro v
	daemonName       string            // "macro_daemon_name": the macro {daemon_name}
	checks           table.Maps        // "header_checks": tables about the fields that it puts there (milter_header_checks)
	internal         []string          // "internal": bounce, notify: it is asked about our own mail as well
	defaults         map[string]string // "macro_defaults": name=value …, for macros without a value
}

// stage is a moment with macros of its own.
type stage int

const (
	stageConnect stage = iota
	stageHelo
	stageMail
	stageRcpt
	stageEOM
	stageData
	stageEOH
	numStages
)

// Sendmail numbers the stages alike in the lists of macros that a milter asks for: connect 0,
// helo 1, mail 2, rcpt 3, data 4, eom 5, eoh 6.
var stageOfNumber = [...]stage{stageConnect, stageHelo, stageMail, stageRcpt, stageData, stageEOM, stageEOH}

var stageNames = [numStages]string{"connect_macros", "helo_macros", "mail_macros", "rcpt_macros",
	"end_of_data_macros", "data_macros", "end_of_header_macros"}

var defaultMacros = [numStages]string{
	stageConnect: "j {daemon_name} {daemon_addr} v _",
	stageHelo:    "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
	stageMail:    "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
	stageRcpt:    "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
	stageEOM:     "i", stageData: "i", stageEOH: "i",
}

// settings are the names that a configuration may have beside the macros.
var settings = []string{"address", "mail", "default_action", "protocol", "connect_timeout", "command_timeout",
	"content_timeout", "hostname", "macro_v", "macro_daemon_name", "macro_defaults", "header_checks", "default_database_type", "internal"}

func readOptions(config map[string]string) (o options, err error) {
	if err := known(config); err != nil {
		return o, err
	}
	if o.network, o.address, err = parseAddress(config["address"]); err != nil {
		return o, err
	}
	o.mail, o.action = config["mail"], config["default_action"]
	if o.mail == "" {
		o.mail = "smtp"
	}
	if o.mail != "smtp" && o.mail != "local" && o.mail != "all" {
		return o, fmt.Errorf("mail = %q: want smtp, local or all", o.mail)
	}
	if o.action == "" {
		o.action = "tempfail"
	}
	switch o.action {
	case "accept", "reject", "tempfail", "quarantine", "shutdown":
	default:
		return o, fmt.Errorf("default_action = %q: want accept, reject, tempfail, quarantine or shutdown", o.action)
	}
	if err = o.readProtocol(config["protocol"]); err != nil {
		return o, err
	}
	if err = o.readTimes(config); err != nil {
		return o, err
	}
	o.internal = list.Split(config["internal"])
	if o.checks, err = table.OpenMaps(list.Split(config["header_checks"]), table.Options{Default: config["default_database_type"]}); err != nil {
		return o, fmt.Errorf("header_checks: %w", err)
	}
	return o, o.readMacros(config)
}

func known(config map[string]string) error {
	names := map[string]bool{}
	for _, n := range append(stageNames[:], settings...) {
		names[n] = true
	}
	for n := range config {
		if !names[n] {
			return fmt.Errorf("%s: there is no such setting", n)
		}
	}
	return nil
}

// parseAddress reads where a milter listens, in Postfix's or Sendmail's words.
func parseAddress(s string) (network, address string, err error) {
	kind, where, ok := strings.Cut(s, ":")
	switch {
	case s == "":
		return "", "", errors.New("set address in [plugin.config], as address = \"inet:localhost:8891\"")
	case ok && (kind == "unix" || kind == "local") && where != "":
		return "unix", where, nil
	case ok && (kind == "inet" || kind == "inet6"):
		if port, host, sendmail := strings.Cut(where, "@"); sendmail {
			where = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		host, port, err := net.SplitHostPort(where)
		if err != nil || port == "" {
			return "", "", fmt.Errorf("address %q: want inet:host:port", s)
		}
		if host == "" {
			host = "localhost"
		}
		return "tcp", net.JoinHostPort(host, port), nil
	}
	return "", "", fmt.Errorf("address %q: want unix:/path or inet:host:port", s)
}

func (o *options) readProtocol(s string) error {
	o.version = 6
	for _, word := range fields(s) {
		switch word {
		case "2", "3", "4", "6":
			n, _ := strconv.Atoi(word)
			o.version = uint32(n)
		case "no_header_reply":
			o.noHeaderReply = true
		default:
			return fmt.Errorf("protocol = %q: want 2, 3, 4 or 6", s)
		}
	}
	return nil
}

func (o *options) readTimes(config map[string]string) (err error) {
	for _, t := range []struct {
		name string
		to   *time.Duration
		def  time.Duration
	}{{"connect_timeout", &o.connectTimeout, 30 * time.Second}, {"command_timeout", &o.commandTimeout, 30 * time.Second},
		{"content_timeout", &o.contentTimeout, 300 * time.Second}} {
		*t.to = t.def
		if s := config[t.name]; s != "" {
			if *t.to, err = parseTime(s); err != nil {
				return fmt.Errorf("%s = %q: want a time above zero, as 30s", t.name, s)
			}
		}
	}
	return nil
}

// parseTime reads a time in Postfix's words (30s, 5m, 1h, 1d, 1w) or Go's.
func parseTime(s string) (time.Duration, error) {
	if n := len(s); n > 1 && (s[n-1] == 'd' || s[n-1] == 'w') {
		days, err := strconv.Atoi(s[:n-1])
		if s[n-1] == 'w' {
			days *= 7
		}
		s = strconv.Itoa(days*24) + "h"
		if err != nil {
			return 0, err
		}
	}
	if _, err := strconv.Atoi(s); err == nil {
		s += "s"
	}
	d, err := time.ParseDuration(s)
	if err == nil && d <= 0 {
		err = errors.New("not above zero")
	}
	return d, err
}

func (o *options) readMacros(config map[string]string) error {
	o.hostname, o.macroV, o.daemonName = config["hostname"], config["macro_v"], config["macro_daemon_name"]
	if o.hostname == "" {
		o.hostname = "localhost"
	}
	if o.daemonName == "" {
		o.daemonName = o.hostname
	}
	for i, name := range stageNames {
		if s, set := config[name]; set {
			o.macros[i] = s
		} else {
			o.macros[i] = defaultMacros[i]
		}
	}
	o.defaults = map[string]string{}
	for _, f := range fields(config["macro_defaults"]) {
		name, value, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return fmt.Errorf("macro_defaults: %q: want name=value", f)
		}
		o.defaults[bare(name)] = value
	}
	return nil
}

// fields splits a list at white space and commas.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == ',' })
}

// bare is the name of a macro without its braces.
func bare(name string) string {
	if len(name) > 2 && name[0] == '{' && name[len(name)-1] == '}' {
		return name[1 : len(name)-1]
	}
	return name
}

package policy

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/value"
)

// Options of a Client. The names in parentheses may stand in the specification of one service
// without "smtpd_policy_service_".
type Options struct {
	// Timeout bounds connecting, sending and receiving (smtpd_policy_service_timeout).
	Timeout time.Duration
	// MaxIdle, MaxTTL and RequestLimit end the use of a connection; 0 is no limit
	// (smtpd_policy_service_max_idle, …_max_ttl, …_request_limit).
	MaxIdle, MaxTTL time.Duration
	RequestLimit    int
	// TryLimit is how often a request is sent before DefaultAction answers, RetryDelay the
	// time between (…_try_limit, …_retry_delay, …_default_action).
	TryLimit      int
	RetryDelay    time.Duration
	DefaultAction string
	// Context is policy_context, sent with each request (…_policy_context).
	Context string
	// Directory is what paths of unix-domain sockets are relative to (queue_directory).
	Directory string
	// Version is mail_version, Compatibility is compatibility_level.
	Version, Compatibility string
	// Stress is what the attribute stress says: "yes" while the server is short of places.
	Stress string
	// Warn is told of failures; nil drops them. Safe for concurrent use.
	Warn func(text string)
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// endpoint is where a service listens.
type endpoint struct{ network, address string }

// parse reads "inet:host:port" or "unix:path", and settings of the service's own after it:
// "inet:host:port, timeout=10s, default_action=DUNNO".
func parse(spec string, o Options) (endpoint, Options, error) {
	words := list.Split(spec)
	if len(words) == 0 {
		return endpoint{}, o, fmt.Errorf("needs a server")
	}
	kind, rest, _ := strings.Cut(words[0], ":")
	var e endpoint
	switch kind {
	case "unix", "local":
		e = endpoint{"unix", rest}
		if !filepath.IsAbs(rest) {
			e.address = filepath.Join(o.Directory, rest)
		}
	case "inet":
		e = endpoint{"tcp", rest}
		if !strings.Contains(rest, ":") {
			e.address = "localhost:" + rest
		}
	default:
		return e, o, fmt.Errorf("%s: want inet:host:port or unix:path", words[0])
	}
	if rest == "" {
		return e, o, fmt.Errorf("%s: want inet:host:port or unix:path", words[0])
	}
	for _, w := range words[1:] {
		if text, ok := list.Payload(w); ok {
			w = text
		}
		name, v, ok := strings.Cut(w, "=")
		if !ok {
			return e, o, fmt.Errorf("%s: want name=value", w)
		}
		if err := o.set(strings.TrimSpace(name), strings.TrimSpace(v)); err != nil {
			return e, o, fmt.Errorf("%s: %w", w, err)
		}
	}
	return e, o, nil
}

// set sets an option by its name.
func (o *Options) set(name, v string) (err error) {
	switch name {
	case "timeout":
		o.Timeout, err = value.Duration(v, 's', value.AtLeast(0))
	case "max_idle":
		o.MaxIdle, err = value.Duration(v, 's', value.AtLeast(0))
	case "max_ttl":
		o.MaxTTL, err = value.Duration(v, 's', value.AtLeast(0))
	case "retry_delay":
		o.RetryDelay, err = value.Duration(v, 's', value.AtLeast(0))
	case "try_limit":
		o.TryLimit, err = strconv.Atoi(v)
	case "request_limit":
		o.RequestLimit, err = strconv.Atoi(v)
	case "default_action":
		o.DefaultAction = v
	case "policy_context":
		o.Context = v
	default:
		err = fmt.Errorf("unknown setting")
	}
	return err
}

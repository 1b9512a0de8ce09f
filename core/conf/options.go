package conf

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultDir is the configuration directory when nothing names another.
const DefaultDir = "/etc/mtad"

// Directory returns the configuration directory: flag (-c) if it is not empty, MAIL_CONFIG of
// the environment (a list of NAME=VALUE), or DefaultDir.
func Directory(flag string, environ []string) string {
	if flag != "" {
		return flag
	}
	for _, e := range slices.Backward(environ) {
		if dir, ok := strings.CutPrefix(e, "MAIL_CONFIG="); ok && dir != "" {
			return dir
		}
	}
	return DefaultDir
}

// Option changes how Read finds out what no file says. Tests use them to be hermetic.
type Option func(*options)

type options struct {
	environ    []string
	overrides  []string
	hostname   func() (string, error)
	interfaces func() ([]netip.Prefix, error)
	resolve    func(ctx context.Context, host string) ([]netip.Addr, error)
	version    string
	released   string
	bare       bool
}

// resolveTimeout bounds the look-up of a host name in inet_interfaces.
const resolveTimeout = 5 * time.Second

// WithEnviron takes the environment from environ, a list of NAME=VALUE, instead of the process.
func WithEnviron(environ []string) Option { return func(o *options) { o.environ = environ } }

// WithOverrides adds settings of the command line, each "name=value".
func WithOverrides(settings ...string) Option {
	return func(o *options) { o.overrides = append(o.overrides, settings...) }
}

// WithHostname gives the system's name instead of os.Hostname.
func WithHostname(name string) Option {
	return func(o *options) { o.hostname = func() (string, error) { return name, nil } }
}

// WithInterfaces gives the addresses of the machine, with the lengths of their subnets' prefixes,
// instead of net.InterfaceAddrs. It is asked at most once per configuration.
func WithInterfaces(f func() ([]netip.Prefix, error)) Option {
	return func(o *options) { o.interfaces = f }
}

// WithResolver finds the addresses of host names in inet_interfaces, instead of the system's
// resolver. The context ends after 5 s.
func WithResolver(f func(ctx context.Context, host string) ([]netip.Addr, error)) Option {
	return func(o *options) { o.resolve = f }
}

// WithoutFiles reads no file: what Read returns has the defaults, the environment and the command
// line.
func WithoutFiles() Option { return func(o *options) { o.bare = true } }

// WithVersion gives mail_version and mail_release_date.
func WithVersion(version, released string) Option {
	return func(o *options) { o.version, o.released = version, released }
}

func newOptions(opts []Option) options {
	o := options{environ: os.Environ(), hostname: os.Hostname, interfaces: systemInterfaces, resolve: systemResolve, version: "0.1"}
	for _, opt := range opts {
		opt(&o)
	}
	o.interfaces = sync.OnceValues(o.interfaces)
	o.resolve = once(o.resolve)
	return o
}

// once returns a resolver that asks for every host once, so that a snapshot does not change.
func once(resolve func(context.Context, string) ([]netip.Addr, error)) func(context.Context, string) ([]netip.Addr, error) {
	type answer struct {
		addresses []netip.Addr
		err       error
	}
	var mu sync.Mutex
	answers := map[string]answer{} // guarded by mu
	return func(ctx context.Context, host string) ([]netip.Addr, error) {
		mu.Lock()
		defer mu.Unlock()
		a, ok := answers[host]
		if !ok {
			a.addresses, a.err = resolve(ctx, host)
			answers[host] = a
		}
		return a.addresses, a.err
	}
}

func systemInterfaces() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var prefixes []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			prefixes = append(prefixes, p)
		}
	}
	return prefixes, nil
}

func systemResolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

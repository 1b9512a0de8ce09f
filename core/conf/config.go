package conf

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/mtad/mtad/core/conf/expand"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/conf/tomlcf"
)

// Layer is where a value comes from; a later layer wins over an earlier one.
type Layer int

// The layers.
const (
	Default     Layer = iota // the defaults of mtad
	MainCF                   // main.cf
	TOML                     // mtad.toml
	Environment              // MTAD_NAME
	CommandLine              // -o name=value
	MasterCF                 // -o name=value of a service
	Program                  // set by With
)

// Origin says where a value was set. File is a path, or "environment", "command line" or
// "program"; Line is 0 where there are no lines. The zero Origin is that of a default.
type Origin struct {
	Layer Layer
	File  string
	Line  int
}

// String returns "FILE:LINE" or "FILE".
func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// setting is a value that a layer set.
type setting struct {
	value  string
	origin Origin
}

// Config is a configuration, or a view of it with the settings of one service.
type Config struct {
	*snapshot
	// own are the settings of the view; they win.
	own map[string]setting
	// expanded caches values by name: string to *expansion.
	expanded sync.Map
	// addresses are the own addresses, networks what mynetworks is by default; both are found
	// on first use.
	addresses func() ([]netip.Prefix, error)
	networks  func() (string, error)
}

// snapshot is what all views of a configuration share. Nothing of it changes after Read.
type snapshot struct {
	dir     string
	options options
	// values are what koanf made of the layers: the defaults that are not computed, and over
	// them what is set. origins has the names that are set.
	values  map[string]string
	origins map[string]Origin
	// replaced are the origins of settings of the same name that do not count.
	replaced map[string][]Origin
	entries  []mastercf.Service // all lines of master.cf
	services []mastercf.Service // those that count
	plugins  []tomlcf.Plugin
	problems []Finding
	hasMain  bool
	files    fileCache
}

// expansion is the result of expanding a value.
type expansion struct {
	text string
	err  error
}

// view returns the configuration with settings of its own.
func (s *snapshot) view(own map[string]setting) *Config {
	c := &Config{snapshot: s, own: own}
	c.addresses = sync.OnceValues(c.ownAddresses)
	c.networks = sync.OnceValues(c.computeNetworks)
	return c
}

// Dir returns the configuration directory, absolute.
func (c *Config) Dir() string { return c.dir }

// Plugins returns the plugins in the order of mtad.toml. The caller must not change what they
// hold.
func (c *Config) Plugins() []tomlcf.Plugin { return append([]tomlcf.Plugin(nil), c.plugins...) }

// Lookup returns the value of any name as it is written, where it was set, and whether it was
// set at all; of a parameter that is not set, the default.
func (c *Config) Lookup(name string) (raw string, where Origin, set bool) {
	where, set = c.origin(name)
	raw, _ = c.rawValue(name, nil)
	return raw, where, set
}

// IsSet reports whether some layer sets the name.
func (c *Config) IsSet(name string) bool {
	_, set := c.origin(name)
	return set
}

// origin returns where a name is set. It asks for no value: computed defaults depend on it.
func (c *Config) origin(name string) (where Origin, set bool) {
	if s, ok := c.own[name]; ok {
		return s.origin, true
	}
	where, set = c.origins[name]
	return where, set
}

// lookup returns the function that finds the values of names in an expansion. busy are the
// computed defaults that are being computed; they have no value meanwhile.
func (c *Config) lookup(busy []string) expand.Lookup {
	return func(name string) (string, bool) {
		raw, ok := c.rawValue(name, busy)
		if name == "myorigin" && strings.HasPrefix(raw, "/") {
			raw, _ = c.firstLine(raw)
		}
		return raw, ok
	}
}

// rawValue returns the value of a name, not expanded.
func (c *Config) rawValue(name string, busy []string) (string, bool) {
	if s, ok := c.own[name]; ok {
		return s.value, true
	}
	if v, ok := c.values[name]; ok {
		return v, true
	}
	return c.missingValue(name, busy)
}

// missingValue returns the default that does not stand in the registry: one that is computed, or
// that of a transport's parameter.
func (c *Config) missingValue(name string, busy []string) (string, bool) {
	if p, ok := param.Find(name); ok && p.Computed {
		return c.compute(name, busy), true
	}
	if _, fallback, ok := param.SplitTransport(name); ok {
		return "$" + fallback.Name, true
	}
	return "", false
}

// defaultValue returns the value that a parameter has when nothing sets it, not expanded.
func (c *Config) defaultValue(p *param.Param) string {
	if p.Computed {
		return c.compute(p.Name, nil)
	}
	return p.Default
}

// expandName returns the expanded value of a name; "" when there is none.
func (c *Config) expandName(name string) (string, error) {
	if e, ok := c.expanded.Load(name); ok {
		return e.(*expansion).text, e.(*expansion).err
	}
	raw, ok := c.lookup(nil)(name)
	e := &expansion{text: raw}
	if p, known := param.Find(name); ok && !(known && p.Type == param.Raw) {
		e.text, e.err = expand.Expand(raw, c.lookup(nil))
		e.text = strings.TrimSpace(e.text)
	}
	c.expanded.Store(name, e)
	return e.text, e.err
}

// Expand returns a text with the parameters it names replaced by their values.
func (c *Config) Expand(text string) (string, error) {
	return expand.Expand(text, c.lookup(nil))
}

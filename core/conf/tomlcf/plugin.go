package tomlcf

import (
	"strings"
	"time"
)

// Plugin is one [[plugin]]. It is a value: nobody changes what its slices and maps hold.
type Plugin struct {
	// Name identifies the plugin in logs and statistics: letters, digits, "_", "-" and ".".
	Name string
	// Wasm is the file of a WebAssembly module, Process the command of a process, Builtin the
	// name of a built-in plugin: exactly one of them is set. Files are absolute.
	Wasm    string
	Process []string
	Builtin string
	// Hooks narrows the hook points; empty is all that the plugin has.
	Hooks []string
	// Allow are the capabilities granted.
	Allow []string
	// OnError is what happens to a message when the plugin fails: "tempfail" (the default),
	// "continue" or "reject".
	OnError string
	// Time bounds one hook; 0 is the default of the point (5 ms, 50 ms at eom) or, for a process, a
	// second.
	Time time.Duration
	// Memory bounds the plugin, in bytes; 0 is the default of its kind.
	Memory int64
	// Fuel bounds the work of one call of a wasm module, in units of about one machine
	// instruction; 0 is no bound but Time.
	Fuel int64
	// Shadow is mode = "shadow": the plugin decides and is logged, but changes nothing.
	Shadow bool
	// SHA256 is the digest that the wasm file, or the program of a process, must have, in lower-case hex; "" is any.
	SHA256 string
	// SharedState is isolation = "none": instances are not reset between messages.
	SharedState bool
	// Config is the plugin's own configuration: tables as "table.key", arrays as lines.
	Config map[string]string
	// File and Line say where the plugin is defined.
	File string
	Line int
}

// Kind returns "wasm", "process" or "builtin".
func (p *Plugin) Kind() string {
	switch {
	case p.Wasm != "":
		return "wasm"
	case p.Builtin != "":
		return "builtin"
	}
	return "process"
}

// HookNames returns the names of the hook points.
func HookNames() []string {
	return strings.Fields("connect helo auth mail rcpt data headers body eom abort rewrite route deliver lookup event")
}

// CapabilityNames returns the names of the capabilities that can be granted.
func CapabilityNames() []string { return strings.Fields("edit map kv dns scan deliver") }

// readPlugins reads every [[plugin]].
func (r *reader) readPlugins(tables []any) {
	names := map[string]int{}
	for i, t := range tables {
		at := r.where.plugin(i)
		table, ok := t.(map[string]any)
		if !ok {
			r.refuse(at.line, "plugin", "plugin: a table [[plugin]] expected")
			continue
		}
		p := Plugin{OnError: "tempfail", File: r.file, Line: at.line}
		p.Name, _ = table["name"].(string)
		before := len(r.problems)
		r.fields(&p, table, at)
		r.whole(&p, at)
		if first, ok := names[p.Name]; ok && p.Name != "" {
			r.refuse(at.line, p.key(), "%s: defined on line %d too", p.key(), first)
		}
		names[p.Name] = at.line
		if len(r.problems) == before {
			r.plugins = append(r.plugins, p)
		}
	}
}

// key is how problems call the plugin.
func (p *Plugin) key() string { return "plugin " + p.Name }

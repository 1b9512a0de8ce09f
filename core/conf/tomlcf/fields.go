package tomlcf

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/conf/value"
)

// maxMemory is what 32-bit WebAssembly can address.
const maxMemory = 4 << 30

// fields reads the keys of a plugin in the order of the names.
func (r *reader) fields(p *Plugin, table map[string]any, at pluginPlace) {
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := r.field(p, key, table[key]); err != nil {
			r.refuse(at.key(key), p.key(), "%s: %s: %v", p.key(), key, err)
		}
	}
}

// field reads one key.
func (r *reader) field(p *Plugin, key string, v any) (err error) {
	switch key {
	case "name":
		return checkName(p.Name)
	case "wasm":
		p.Wasm, err = r.path(v)
	case "process":
		p.Process, err = r.command(v)
	case "builtin":
		p.Builtin, err = text(v)
	case "hooks":
		p.Hooks, err = wordsOf(v, HookNames())
	case "allow":
		p.Allow, err = wordsOf(v, CapabilityNames())
	case "on_error":
		p.OnError, err = oneOf(v, "tempfail", "continue", "reject")
	case "time":
		p.Time, err = limit(v)
	case "memory":
		p.Memory, err = size(v)
	case "fuel":
		p.Fuel, err = fuel(v)
	case "mode":
		err = choice(&p.Shadow, v, "enforce", "shadow")
	case "isolation":
		err = choice(&p.SharedState, v, "message", "none")
	case "sha256":
		p.SHA256, err = digest(v)
	case "config":
		p.Config, err = config(v)
	default:
		return unknownKey(key)
	}
	return err
}

// whole checks what no single key says.
func (r *reader) whole(p *Plugin, at pluginPlace) {
	kinds := 0
	for _, set := range []bool{p.Wasm != "", p.Process != nil, p.Builtin != ""} {
		if set {
			kinds++
		}
	}
	switch {
	case p.Name == "":
		r.refuse(at.line, "plugin", "plugin: no name")
	case kinds != 1:
		r.refuse(at.line, p.key(), "%s: exactly one of wasm, process and builtin expected", p.key())
	case p.Fuel != 0 && p.Wasm == "":
		r.refuse(at.key("fuel"), p.key(), "%s: fuel limits only a wasm module", p.key())
	case p.SHA256 != "" && p.Builtin != "":
		r.refuse(at.key("sha256"), p.key(), "%s: sha256 pins a file, and a builtin has none", p.key())
	}
}

func unknownKey(key string) error {
	known := strings.Fields("name wasm process builtin hooks allow on_error time memory fuel mode isolation sha256 config")
	for _, k := range known {
		if param.Near(key, k) {
			return fmt.Errorf("unknown key (is %s meant?)", k)
		}
	}
	if _, ok := param.Find(key); ok {
		return errors.New("a parameter stands above the first [[plugin]]")
	}
	return fmt.Errorf("unknown key: one of %s expected", strings.Join(known, ", "))
}

func checkName(name string) error {
	if strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_-.") != "" || len(name) > 64 {
		return fmt.Errorf("%q: up to 64 letters, digits, \"_\", \"-\" and \".\" expected", name)
	}
	return nil
}

// path reads the name of a file.
func (r *reader) path(v any) (string, error) {
	s, err := text(v)
	if err != nil {
		return "", err
	}
	return r.absolute(s), nil
}

func (r *reader) absolute(s string) string {
	if filepath.IsAbs(s) {
		return filepath.Clean(s)
	}
	return filepath.Join(r.dir, s)
}

// command reads an array of a file and arguments.
func (r *reader) command(v any) ([]string, error) {
	all, err := words(v)
	if err == nil && len(all) == 0 {
		err = errors.New("a command expected")
	}
	if err != nil {
		return nil, err
	}
	all[0] = r.absolute(all[0])
	return all, nil
}

func text(v any) (string, error) {
	s, ok := v.(string)
	if !ok || s == "" || strings.IndexByte(s, 0) >= 0 {
		return "", errors.New("a string expected")
	}
	return s, nil
}

func oneOf(v any, allowed ...string) (string, error) {
	s, err := text(v)
	if err != nil || !slices.Contains(allowed, s) {
		return "", fmt.Errorf("one of %s expected", strings.Join(allowed, ", "))
	}
	return s, nil
}

// choice sets b when v is yes and not no.
func choice(b *bool, v any, no, yes string) error {
	s, err := oneOf(v, no, yes)
	*b = s == yes
	return err
}

func wordsOf(v any, allowed []string) ([]string, error) {
	all, err := words(v)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if !slices.Contains(allowed, w) {
			return nil, fmt.Errorf("%q is not one of %s", w, strings.Join(allowed, ", "))
		}
	}
	return all, nil
}

func limit(v any) (time.Duration, error) {
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("a time such as \"50ms\" expected")
	}
	return d, nil
}

func size(v any) (int64, error) {
	switch v := v.(type) {
	case string:
		return value.Bytes(v, value.Range{Min: 1, Max: maxMemory})
	case int64:
		return value.Int(fmt.Sprint(v), value.Range{Min: 1, Max: maxMemory})
	}
	return 0, errors.New("a size such as \"16MiB\" expected")
}

// fuel reads a number of units.
func fuel(v any) (int64, error) {
	if n, ok := v.(int64); ok && n > 0 {
		return n, nil
	}
	return 0, errors.New("a number of units above 0 expected")
}

func digest(v any) (string, error) {
	s, _ := v.(string)
	s = strings.ToLower(s)
	if len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
		return "", errors.New("64 hexadecimal digits expected")
	}
	return s, nil
}

func config(v any) (map[string]string, error) {
	table, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("a table [plugin.config] expected")
	}
	out := make(map[string]string, len(table))
	return out, flatten("", table, out)
}

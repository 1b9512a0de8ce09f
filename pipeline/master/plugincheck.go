package master

import (
	"context"
	"fmt"
	"os"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/tomlcf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin"
	"github.com/mtad/mtad/plugins/sdk"
)

// PluginProblems loads each plugin of c as a start would, and says which ones it would refuse: a file
// that is not there or has another digest, a capability that is not granted, an option that the
// plugin does not take. A process plugin is not started (CheckPlugins). What is
// compiled goes to a temporary directory, and is gone afterwards. ctx ends it early.
func PluginProblems(ctx context.Context, c *conf.Config) (findings []conf.Finding) {
	dir, err := os.MkdirTemp("", "mtad-check-")
	if err != nil {
		return []conf.Finding{{Parameter: "plugin", Note: err.Error(), Status: conf.StatusEffective, Warn: true}}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c = c.With("plugin_cache_directory", dir)
	m := &Master{cfg: c, maillog: maillog.Discard(), counters: newCounters()}
	for _, p := range c.Plugins() {
		if err := m.tryPlugin(ctx, c, p); err != nil {
			findings = append(findings, conf.Finding{Parameter: "plugin " + p.Name, Value: p.Kind(), Status: conf.StatusEffective,
				Note: err.Error(), File: p.File, Line: p.Line, Bad: true, Warn: true})
		}
	}
	return append(findings, CheckPlugins(c)...)
}

// tryPlugin loads a plugin and closes it.
func (m *Master) tryPlugin(ctx context.Context, c *conf.Config, p tomlcf.Plugin) error {
	if _, err := hook.ParseOnError(p.OnError); err != nil {
		return err
	}
	h := hook.Plugin{Allow: map[string]bool{}}
	for _, a := range p.Allow {
		h.Allow[a] = true
	}
	for _, name := range p.Hooks {
		pt, ok := sdk.PointByName(name)
		if !ok {
			return fmt.Errorf("unknown hook %q", name)
		}
		h.Hooks = h.Hooks.With(pt)
	}
	var err error
	switch p.Kind() {
	case "wasm":
		h.Module, err = m.loadWasm(ctx, c, p, h.Allow)
	case "builtin":
		h.Config = builtinConfig(c, p)
		if h.Module, err = builtin.LoadLogged(p.Name, p.Builtin, h.Config, builtin.Logs{Plugin: m.guestLog(c, p.Name)}); err == nil {
			err = granted(p.Name, h)
		}
	}
	if h.Module != nil {
		h.Module.Close(ctx)
	}
	return err
}

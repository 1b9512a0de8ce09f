package master

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/tomlcf"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/wasm"
)

// loadPlugins loads every [[plugin]] of the configuration, in order; nil when there is none.
func (m *Master) loadPlugins(ctx context.Context, c *conf.Config, o hook.Options) (*hook.Set, error) {
	var loaded []hook.Plugin
	for _, p := range c.Plugins() {
		h, err := m.loadPlugin(ctx, c, p)
		if err != nil {
			for _, l := range loaded {
				l.Module.Close(ctx)
			}
			return nil, fmt.Errorf("%s:%d: %w", p.File, p.Line, err)
		}
		loaded = append(loaded, h)
		mf := h.Module.Manifest()
		m.log.Info(fmt.Sprintf("plugin %s (%s): hooks %s", mf.Name, mf.Kind, mf.Hooks))
	}
	if err := m.compiled.prune(c.String("plugin_cache_directory")); err != nil {
		m.log.Warning("plugin_cache_directory: " + err.Error())
	}
	if loaded == nil {
		return nil, nil
	}
	return hook.NewSet(loaded, o), nil
}

// hookOptions are those of every set of plugins of the generation.
func (g *generation) hookOptions(c *conf.Config) hook.Options {
	m := g.m
	return hook.Options{Log: m.logOf(c, "plugin"), SMTPLog: m.logOf(c, "smtpd"), CleanupLog: m.logOf(c, "cleanup"),
		Count: m.counters.plugin, Called: m.counters.called, DNS: g.pluginDNS(), MaxBody: c.Size("message_size_limit"),
		Roster: g.roster, Trace: m.trace}
}

func (m *Master) loadPlugin(ctx context.Context, c *conf.Config, p tomlcf.Plugin) (h hook.Plugin, err error) {
	h = hook.Plugin{Allow: map[string]bool{}, Time: p.Time, Shadow: p.Shadow, Config: p.Config}
	for _, a := range p.Allow {
		h.Allow[a] = true
	}
	if h.OnError, err = hook.ParseOnError(p.OnError); err != nil {
		return h, fmt.Errorf("plugin %s: %w", p.Name, err)
	}
	for _, name := range p.Hooks {
		pt, ok := sdk.PointByName(name)
		if !ok {
			return h, fmt.Errorf("plugin %s: hooks: unknown hook %q", p.Name, name)
		}
		h.Hooks = h.Hooks.With(pt)
	}
	if err = m.serveWith(c, p, &h); err != nil {
		return h, err
	}
	switch p.Kind() {
	case "wasm":
		h.Module, err = m.loadWasm(ctx, c, p, h.Allow)
	case "builtin":
		h.Config = builtinConfig(c, p)
		if h.Module, err = builtin.LoadLogged(p.Name, p.Builtin, h.Config, builtin.Logs{Plugin: m.guestLog(c, p.Name)}); err == nil {
			err = granted(p.Name, h)
		}
	default:
		h.Module, err = m.loadProcess(ctx, c, p, h.Allow)
	}
	return h, err
}

func (m *Master) loadWasm(ctx context.Context, c *conf.Config, p tomlcf.Plugin, allow map[string]bool) (sdk.Module, error) {
	code, err := os.ReadFile(p.Wasm)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", p.Name, err)
	}
	if sum := sha256.Sum256(code); p.SHA256 != "" && hex.EncodeToString(sum[:]) != p.SHA256 {
		return nil, fmt.Errorf("plugin %s: %s has sha256 %x, not the one configured", p.Name, p.Wasm, sum)
	}
	cache, closed, err := m.compiled.open(c.String("plugin_cache_directory"), code)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: plugin_cache_directory: %w", p.Name, err)
	}
	return wasm.Load(ctx, code, wasm.Options{
		Name: p.Name, Allow: allow, Memory: p.Memory, Fuel: p.Fuel, Keep: p.SharedState, Cache: cache, Closed: closed, Config: p.Config,
		Instances: instancesOf(allow),
		Log:       m.guestLog(c, p.Name),
	})
}

// guestLog writes what a plugin logs outside a message's hooks, as while it is initialised.
func (m *Master) guestLog(c *conf.Config, name string) func(sdk.Level, string) {
	log := m.logOf(c, "plugin")
	return func(l sdk.Level, text string) {
		text = "plugin " + name + ": " + text
		if l >= sdk.LevelWarn {
			log.Warning(text)
		} else if l == sdk.LevelInfo {
			log.Info(text)
		}
	}
}

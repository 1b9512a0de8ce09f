package master

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/tomlcf"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/hook/kv"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// pluginTable is the plugin called name as a lookup table (wasm:NAME, plugin:NAME).
func (g *generation) pluginTable(name string) (table.Table, error) {
	if g.hooks == nil {
		return nil, fmt.Errorf("there is no plugin %q", name)
	}
	return g.hooks.Table(name)
}

// serveWith gives a plugin the services that it is allowed: its tables and its store.
func (m *Master) serveWith(c *conf.Config, p tomlcf.Plugin, h *hook.Plugin) (err error) {
	if h.Allow[sdk.CapMap] {
		if h.Maps, err = pluginMaps(c, p.Config); err != nil {
			return fmt.Errorf("plugin %s: %w", p.Name, err)
		}
	}
	if !h.Allow[sdk.CapKV] {
		return nil
	}
	if m.kv == nil {
		m.kv, err = kv.Open(kv.Options{Dir: filepath.Join(c.String("data_directory"), "kv"), Log: m.logOf(c, "plugin").Slog()})
		if err != nil {
			return fmt.Errorf("plugin %s: data_directory: %w", p.Name, err)
		}
	}
	h.KV, err = m.kv.Space(p.Name)
	return err
}

// pluginMaps opens the tables that [plugin.config.maps] names: name = "type:name". A plugin is no
// table of another one's: two that ask each other would wait for ever.
func pluginMaps(c *conf.Config, config map[string]string) (map[string]hook.Table, error) {
	maps := map[string]hook.Table{}
	for key, spec := range config {
		name, ok := strings.CutPrefix(key, "maps.")
		if !ok {
			continue
		}
		t, err := table.Open(spec, table.Options{Default: c.String("default_database_type")})
		if err != nil {
			return nil, fmt.Errorf("maps: %s: %w", name, err)
		}
		maps[name] = t
	}
	return maps, nil
}

// instancesOf is how many calls of a plugin may run at a time: as many as there are processors,
// or more when it spends its time waiting.
func instancesOf(allow map[string]bool) int {
	n := runtime.GOMAXPROCS(0)
	if allow[sdk.CapDNS] || allow[sdk.CapMap] {
		n *= 16
	}
	return n
}

// pluginDNS is the DNS as plugins ask it, nil when it is disabled.
func (g *generation) pluginDNS() hook.DNS {
	d, _ := g.dns.(hook.DNS)
	return d
}

// addPlugins makes every plugin with a deliver hook a transport of its name. A service of
// master.cf with that name and the command "plugin" says how many deliveries run at a time; one
// with another command hides the plugin, which is an error.
func (g *generation) addPlugins(all map[string]qmgr.Transport) error {
	if g.hooks == nil {
		return nil
	}
	for name, agent := range g.hooks.Agents() {
		if _, taken := all[name]; taken {
			return fmt.Errorf("plugin %s: master.cf has another transport of that name", name)
		}
		s := mastercf.Service{Name: name, Type: mastercf.Unix, Limit: mastercf.DefaultLimit}
		for _, known := range g.cfg.Services() {
			if known.Type == mastercf.Unix && known.Name == name && known.Program == "plugin" {
				s = known
			}
		}
		var err error
		if all[name], err = transport(g.cfg, s, agent); err != nil {
			return fmt.Errorf("plugin %s: %w", name, err)
		}
	}
	return nil
}

// startEvents runs what tells plugins of events; stopEvents ends it when nobody tells any more.
func (g *generation) startEvents() {
	if g.events == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.observer.Go(func() { g.events.Run(ctx) })
	g.stopEvents = func() {
		cancel()
		g.observer.Wait()
	}
}

// happened tells the plugins of the moment what the door did.
func (m *Master) happened(ev queue.Event) {
	if g := m.gen.Load(); g != nil && g.events != nil {
		g.events.Tell(ev)
	}
}

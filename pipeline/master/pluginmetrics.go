package master

import "github.com/mtad/mtad/pipeline/hook"

// watchPlugins publishes what the plugins of the moment use: time without waiting and fuel by hook, and
// memory. They are counted from when the plugins were loaded.
func (m *Master) watchPlugins() {
	r := m.counters.registry
	hooks := []string{"plugin", "point"}
	r.CounterSnapshot("mtad_plugin_busy_seconds_total", "Time of hook calls, without what they waited for tables and the DNS, by plugin and point.",
		labelLimit, hooks, m.pluginHooks(func(h *hook.HookStats) float64 { return h.Time.Seconds() }))
	r.CounterSnapshot("mtad_plugin_fuel_total", "Work in guests, in units of about one machine instruction, by plugin and point.",
		labelLimit, hooks, m.pluginHooks(func(h *hook.HookStats) float64 { return float64(h.Fuel) }))
	r.Snapshot("mtad_plugin_memory_bytes", "The most memory that an instance of a guest had behind a call; what the process of a plugin has now.",
		labelLimit, []string{"plugin"}, func(add func(float64, ...string)) {
			m.eachPlugin(func(p *hook.PluginStats) { add(float64(p.Memory), p.Name) })
		})
	r.CounterSnapshot("mtad_plugin_processor_seconds_total", "Processor time of the processes of plugins.",
		labelLimit, []string{"plugin"}, func(add func(float64, ...string)) {
			m.eachPlugin(func(p *hook.PluginStats) {
				if p.Kind == "process" {
					add(p.Processor.Seconds(), p.Name)
				}
			})
		})
}

// pluginHooks tells value of each hook of each plugin.
func (m *Master) pluginHooks(value func(*hook.HookStats) float64) func(add func(float64, ...string)) {
	return func(add func(float64, ...string)) {
		m.eachPlugin(func(p *hook.PluginStats) {
			for i := range p.Hooks {
				add(value(&p.Hooks[i]), p.Name, p.Hooks[i].Hook)
			}
		})
	}
}

// eachPlugin calls fn for each plugin of the moment. Those of one name, which are one built-in for several
// services, are one.
func (m *Master) eachPlugin(fn func(*hook.PluginStats)) {
	g := m.gen.Load()
	if g == nil {
		return
	}
	all := g.roster.Stats()
	at := map[string]int{}
	var sums []hook.PluginStats
	for i := range all {
		p := &all[i]
		j, ok := at[p.Name]
		if !ok {
			at[p.Name] = len(sums)
			sums = append(sums, *p)
			continue
		}
		sums[j].Memory = max(sums[j].Memory, p.Memory)
		sums[j].Processor += p.Processor
		sums[j].Hooks = sumHooks(sums[j].Hooks, p.Hooks)
	}
	for i := range sums {
		fn(&sums[i])
	}
}

// sumHooks adds the time and the fuel of more to those of the same hook in sums.
func sumHooks(sums, more []hook.HookStats) []hook.HookStats {
	for i := range more {
		var found *hook.HookStats
		for j := range sums {
			if sums[j].Hook == more[i].Hook {
				found = &sums[j]
			}
		}
		if found == nil {
			sums = append(sums, more[i])
			continue
		}
		found.Time += more[i].Time
		found.Fuel += more[i].Fuel
	}
	return sums
}

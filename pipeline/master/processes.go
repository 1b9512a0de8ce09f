package master

import (
	"context"
	"fmt"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/tomlcf"
	"github.com/mtad/mtad/plugins/process"
	"github.com/mtad/mtad/plugins/sdk"
)

// loadProcess starts the process of a plugin. A reload starts it beside the one of the generation before,
// which ends when its sessions have.
func (m *Master) loadProcess(ctx context.Context, c *conf.Config, p tomlcf.Plugin, allow map[string]bool) (sdk.Module, error) {
	module, err := process.Load(ctx, process.Options{
		Name: p.Name, Command: p.Process, SHA256: p.SHA256, Allow: allow, Config: p.Config, Memory: p.Memory,
		Restarted: func() { m.counters.restarts.With(p.Name).Inc() },
		Log:       m.guestLog(c, p.Name),
	})
	if err != nil {
		return nil, err
	}
	return module, nil
}

// CheckPlugins says what is wrong with the files of the plugins of a configuration.
func CheckPlugins(c *conf.Config) []conf.Finding {
	var found []conf.Finding
	for _, p := range c.Plugins() {
		if p.Process == nil {
			continue
		}
		if err := process.CheckProgram(p.Process[0]); err != nil {
			found = append(found, conf.Finding{Parameter: "plugin " + p.Name, Value: p.Process[0], Status: conf.StatusEffective,
				Note: fmt.Sprintf("process: %s: %v", p.Process[0], err), File: p.File, Line: p.Line, Bad: true})
		}
	}
	return found
}

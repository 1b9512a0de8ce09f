package master

import (
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/hook/trace"
)

// Plugins are the accounts of the plugins in force.
func (b backend) Plugins() []hook.PluginStats { return b.gen().roster.Stats() }

// Trace keeps what plugins do with messages. It outlives reloads.
func (b backend) Trace() *trace.Recorder { return b.m.trace }

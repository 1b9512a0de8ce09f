package builtin

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/plugins/builtin/subjecttag"
	"github.com/mtad/mtad/plugins/sdk"
)

// Builtin is one built-in plugin.
type Builtin struct {
	Name string
	// New makes it from the configuration of its [[plugin]].
	New func(config map[string]string) (sdk.Plugin, error)
	// Needs are the capabilities it has to be allowed.
	Needs []string
}

// All returns the built-ins, in alphabetical order.
func All() []Builtin {
	return []Builtin{
		{Name: "subject_tag", New: subjecttag.New, Needs: []string{sdk.CapEdit}},
	}
}

// Load makes the built-in kind a module called name.
func Load(name, kind string, config map[string]string) (sdk.Module, error) {
	var names []string
	for _, b := range All() {
		if b.Name == kind {
			p, err := b.New(config)
			if err != nil {
				return nil, fmt.Errorf("plugin %s: builtin %s: %w", name, kind, err)
			}
			return module{sdk.Manifest{Name: name, Kind: "builtin", Hooks: sdk.HooksOf(p), Needs: b.Needs}, p}, nil
		}
		names = append(names, b.Name)
	}
	return nil, fmt.Errorf("plugin %s: there is no builtin %q; there are: %s", name, kind, strings.Join(names, ", "))
}

// module is sdk.Module over a plugin value in this process.
type module struct {
	manifest sdk.Manifest
	plugin   sdk.Plugin
}

// Manifest says what the plugin is and wants.
func (m module) Manifest() sdk.Manifest { return m.manifest }

// Call runs one hook. The deadline of ctx is not enforced: a built-in is our own code.
func (m module) Call(_ context.Context, p sdk.Point, h sdk.Host) (a sdk.Action, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return sdk.Answer(h, sdk.Dispatch(m.plugin, p, sdk.Tx{Host: h})), nil
}

// Close has nothing to free.
func (module) Close(context.Context) error { return nil }

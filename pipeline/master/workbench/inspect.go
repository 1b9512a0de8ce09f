package workbench

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/wasm"
	"github.com/mtad/mtad/plugins/wasm/meter"
)

// Inspected is what a module is.
type Inspected struct {
	File string `json:"file"`
	// Size is that of the file, Metered that of the module with its fuel counters, in bytes.
	Size    int `json:"size"`
	Metered int `json:"metered"`
	// MadeBy is what the module says of its languages and tools.
	MadeBy []string `json:"made_by,omitempty"`
	// Exports are the hooks that the module exports, Hooks those that it wants: fewer, when it
	// narrows them (mtad_hooks). Unloaded is why the latter are not known.
	Exports  []string `json:"exports"`
	Hooks    []string `json:"hooks,omitempty"`
	Unloaded string   `json:"unloaded,omitempty"`
	// Needs are the capabilities that the imports ask for; Imports are these, as "module.name".
	Needs   []string `json:"needs"`
	Imports []string `json:"imports"`
	// Memory and MaxMemory are what it begins with and how far it may grow by its own word, in
	// bytes; 0: as far as the configuration allows.
	Memory    int64 `json:"memory"`
	MaxMemory int64 `json:"max_memory"`
	// Instance is the memory of an instance that is ready, in bytes.
	Instance int64 `json:"instance,omitempty"`
	// Fresh says that each call takes a new instance: the module changes tables or drops
	// segments, which cannot be set back.
	Fresh bool `json:"fresh_instances"`
	// Globals is how many mutable globals are set back after each call.
	Globals int `json:"globals"`
}

// pageSize is a page of WebAssembly's memory, in bytes.
const pageSize = 64 << 10

// Inspect says what the module in a file is. config is for modules that refuse to load without.
func Inspect(ctx context.Context, file string, config map[string]string) (*Inspected, error) {
	code, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m, err := wasm.Inspect(NameOf(file), code)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	info, err := meter.Rewrite(code, meter.Options{ExportGlobals: true})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	in := &Inspected{File: file, Size: len(code), Metered: len(info.Wasm), MadeBy: wasm.Producers(code), Exports: words(m.Hooks), Needs: m.Needs,
		Fresh: info.HiddenState, Globals: len(info.Globals)}
	for _, im := range info.Imports {
		if im.Module != info.YieldModule {
			in.Imports = append(in.Imports, im.Module+"."+im.Name)
		}
	}
	if plain, err := meter.Inspect(code); err == nil && plain.Memory != nil {
		in.Memory = int64(plain.Memory.Min) * pageSize
		if plain.Memory.Bounded {
			in.MaxMemory = int64(plain.Memory.Max) * pageSize
		}
	}
	in.load(ctx, config)
	return in, nil
}

// load asks the module itself.
func (in *Inspected) load(ctx context.Context, config map[string]string) {
	allow := map[string]bool{}
	for _, c := range in.Needs {
		allow[c] = true
	}
	m, err := Subject(in.File, Options{})(ctx, sdktest.Load{Name: NameOf(in.File), Config: config, Allow: allow})
	if err != nil {
		in.Unloaded = err.Error()
		return
	}
	in.Hooks = words(m.Manifest().Hooks)
	if s, ok := m.(interface{ InstanceSize() int64 }); ok {
		in.Instance = s.InstanceSize()
	}
	if err := m.Close(ctx); err != nil {
		in.Unloaded = err.Error()
	}
}

func words(p sdk.Points) []string { return strings.Fields(p.String()) }

// AllowLine is the line of mtad.toml that grants what the module asks for, "" when it asks for
// nothing.
func (in *Inspected) AllowLine() string {
	if len(in.Needs) == 0 {
		return ""
	}
	return `allow = ["` + strings.Join(in.Needs, `", "`) + `"]`
}

package wasm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/wasm/meter"
)

// Marker is the export that says which ABI a module speaks.
const Marker = "mtad_abi_1"

// Inspect reads what a module is and asks for, without loading it.
func Inspect(name string, wasm []byte) (sdk.Manifest, error) {
	info, err := meter.Inspect(wasm)
	if err != nil {
		return sdk.Manifest{}, err
	}
	return manifestOf(name, info)
}

// manifestOf checks a module's exports and imports against the ABI: the exports are the
// subscription, the imports the capability request.
func manifestOf(name string, info *meter.Info) (sdk.Manifest, error) {
	m := sdk.Manifest{Name: name, Kind: "wasm"}
	exports := map[string]meter.Export{}
	for _, e := range info.Exports {
		exports[e.Name] = e
	}
	if _, ok := exports[Marker]; !ok {
		return m, fmt.Errorf("it does not export %s: it is no plugin for mtad's ABI 1", Marker)
	}
	if e, ok := exports["memory"]; !ok || e.Kind != meter.Memory {
		return m, fmt.Errorf("it does not export its memory under the name \"memory\"")
	}
	for p := range sdk.Point(sdk.NumPoints) {
		e, ok := exports["mtad_"+p.String()]
		if !ok {
			continue
		}
		if err := checkExport(e, "() -> (i32)"); err != nil {
			return m, err
		}
		m.Hooks = m.Hooks.With(p)
	}
	for _, c := range []struct{ name, want string }{{"_initialize", "() -> ()"}, {"mtad_init", "() -> (i32)"}, {"mtad_hooks", "() -> (i64)"}} {
		if e, ok := exports[c.name]; ok {
			if err := checkExport(e, c.want); err != nil {
				return m, err
			}
		}
	}
	if m.Hooks == 0 {
		return m, fmt.Errorf("it exports no hook (mtad_connect … mtad_event)")
	}
	var err error
	m.Needs, err = needs(info.Imports)
	return m, err
}

func checkExport(e meter.Export, want string) error {
	if e.Kind != meter.Function || e.Signature.String() != want {
		return fmt.Errorf("export %s has type %s: want a function %s", e.Name, e.Signature, want)
	}
	return nil
}

// needs returns the capabilities that the imports ask for.
func needs(imports []meter.Import) ([]string, error) {
	var caps []string
	for _, im := range imports {
		if im.Kind != meter.Function {
			return nil, fmt.Errorf("it imports a %s, %s.%s: only functions can be imported", im.Kind, im.Module, im.Name)
		}
		f := findFunction(im.Module, im.Name)
		if f == nil {
			return nil, fmt.Errorf("it imports %s.%s, which this host does not have", im.Module, im.Name)
		}
		if got, want := im.Signature.String(), f.signature(); got != want {
			return nil, fmt.Errorf("it imports %s.%s as %s: it is %s", im.Module, im.Name, got, want)
		}
		if c, ok := strings.CutPrefix(im.Module, "mtad1_"); ok && !slices.Contains(caps, c) {
			caps = append(caps, c)
		}
	}
	return caps, nil
}

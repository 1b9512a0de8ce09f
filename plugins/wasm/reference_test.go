package wasm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
)

// The reference and the SDKs have every function and hook of this host, and name them as it does.
func TestReferenceAndSDKsHaveEveryFunction(t *testing.T) {
	read := func(pattern string) string {
		names, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil || names == nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		var all []byte
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		return string(all)
	}
	abi, header, guest := read("../../docs/abi.md"), read("../sdk/c/mtad.h"), read("../sdk/guest/*.go")
	rust, as, zig := read("../sdk/rust/src/*.rs"), read("../sdk/assemblyscript/mtad.ts"), read("../sdk/zig/mtad.zig")
	for _, list := range modules() {
		if !strings.Contains(abi, "### `"+list[0].module+"`") {
			t.Errorf("docs/abi.md has no section about %s", list[0].module)
		}
		for _, f := range list {
			for where, want := range map[string]bool{
				"docs/abi.md": strings.Contains(abi, "`"+f.name+"("),
				"mtad.h":      strings.Contains(header, "MTAD_IMPORT("+f.module+", "+f.name+")"),
				"sdk/rust":    strings.Contains(rust, "        pub fn "+f.name+"(") && strings.Contains(rust, "#[link(wasm_import_module = \""+f.module+"\")]"),
				"mtad.ts":     strings.Contains(as, "@external(\""+f.module+"\", \""+f.name+"\") "),
				"mtad.zig":    strings.Contains(zig, "extern \""+f.module+"\" fn "+f.name+"("),
				"sdk/guest":   strings.Contains(guest, "//go:wasmimport "+f.module+" "+f.name+"\n"),
			} {
				if !want {
					t.Errorf("%s does not have %s.%s", where, f.module, f.name)
				}
			}
		}
	}
	for p := range sdk.Point(sdk.NumPoints) {
		if !strings.Contains(guest, "//go:wasmexport mtad_"+p.String()+"\n") {
			t.Errorf("sdk/guest does not export mtad_%s", p)
		}
		if !strings.Contains(rust, ", "+p.String()+", mtad_"+p.String()+");") || !strings.Contains(rust, "    fn "+p.String()+"(&self, ") {
			t.Errorf("sdk/rust does not have the hook %s", p)
		}
		if !strings.Contains(zig, `"`+p.String()+`"`) {
			t.Errorf("mtad.zig does not export mtad_%s", p)
		}
		if !strings.Contains(abi, " | `"+p.String()+"` | ") {
			t.Errorf("docs/abi.md does not have the hook %s", p)
		}
	}
}

package rehearse

import (
	"path/filepath"
	"testing"

	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/sdk/sdktest/toolchain"
)

// The conformance plugin in every other language passes every transcript that the Go one passes:
// the SDKs are equal.
func TestEveryLanguageConforms(t *testing.T) {
	files, err := filepath.Glob(scripts)
	if err != nil || len(files) < 8 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, source := range []string{"c/filter.c", "cc/filter.cc", "rust/filter.rs", "as/filter.ts", "zig/filter.zig"} {
		t.Run(filepath.Dir(source), func(t *testing.T) {
			code := toolchain.Build(t, filepath.Join(toolchain.Root(), "plugins/sdk/sdktest/conformance", source))
			subject := wasmSubject(t, code)
			for _, file := range files {
				name := filepath.Base(file)
				if err := sdktest.Play(t.Context(), subject, script(t, file), Options()).Err(name); err != nil {
					t.Errorf("\n%v", err)
				}
			}
		})
	}
}

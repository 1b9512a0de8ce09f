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
		if !isPlayed(source) {
			continue
		}
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

// The words that an SDK has of its own mean the same in each language. Rust's are more, and have a
// transcript more.
func TestTheSDKsOwnWordsMeanTheSame(t *testing.T) {
	t.Parallel()
	const tours = "../../../plugins/sdk/sdktest/testdata/tour/"
	for _, source := range []string{"c/filter.c", "cc/filter.cc", "rust/filter.rs", "as/filter.ts", "zig/filter.zig"} {
		if !isPlayed(source) {
			continue
		}
		t.Run(filepath.Dir(source), func(t *testing.T) {
			t.Parallel()
			subject := wasmSubject(t, toolchain.Build(t, filepath.Join(toolchain.Root(), "plugins/sdk/sdktest/tour", source)))
			files := []string{"tour.txt"}
			if source == "rust/filter.rs" {
				files = append(files, "rust.txt")
			}
			for _, name := range files {
				if err := sdktest.Play(t.Context(), subject, script(t, tours+name), Options()).Err(name); err != nil {
					t.Errorf("\n%v", err)
				}
			}
		})
	}
}

package plugins_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/hook/rehearse"
	"github.com/mtad/mtad/plugins"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/sdk/sdktest/toolchain"
	"github.com/mtad/mtad/plugins/wasm"
	"github.com/mtad/mtad/plugins/wasm/meter"
)

// sources are the starters' files that are to be changed, and how Markdown calls their languages.
func sources() map[string][2]string {
	return map[string][2]string{"go": {"main.go", "go"}, "c": {"filter.c", "c"}, "cc": {"filter.cc", "cpp"},
		"rust": {"filter.rs", "rust"}, "as": {"filter.ts", "ts"}, "zig": {"filter.zig", "zig"}}
}

// Each folder builds where mtad's source is not, and passes its transcript.
func TestEveryStarterBuildsAndPassesItsTranscript(t *testing.T) {
	names, titles := plugins.Languages()
	for i, lang := range names {
		t.Run(lang, func(t *testing.T) {
			dir := toolchain.Folder(t, lang)
			for _, want := range []string{"Makefile", "README.md", "test.txt"} {
				if _, err := os.Stat(filepath.Join(dir, want)); err != nil {
					t.Error(err)
				}
			}
			readme, _ := os.ReadFile(filepath.Join(dir, "README.md"))
			if !strings.Contains(string(readme), "in "+titles[i]+"\n") {
				t.Errorf("the README is not about %s", titles[i])
			}
			code := toolchain.With(t, filepath.Join(dir, "sdk/build"), filepath.Join(dir, sources()[lang][0]))
			if lang != "go" { // whose hooks are told by mtad_hooks, and whose runtime needs WASI
				needsNoMore(t, code)
			}
			text, err := os.ReadFile(filepath.Join(dir, "test.txt"))
			if err != nil {
				t.Fatal(err)
			}
			play(t, code, string(text))
		})
	}
}

// play plays a transcript against a module.
func play(t *testing.T, code []byte, transcript string) {
	t.Helper()
	script, err := sdktest.Parse(strings.NewReader(transcript))
	if err != nil {
		t.Fatal(err)
	}
	load := func(ctx context.Context, l sdktest.Load) (sdk.Module, error) {
		return wasm.Load(ctx, code, wasm.Options{Name: l.Name, Config: l.Config, Allow: l.Allow, Log: l.Log, Instances: 1})
	}
	if err := sdktest.Play(t.Context(), load, script, rehearse.Options()).Err("transcript"); err != nil {
		t.Error(err)
	}
}

// needsNoMore checks that a module exports its hook and no others, and imports only what the filter
// calls: the export section is the subscription, the import section the request.
func needsNoMore(t *testing.T, code []byte) {
	t.Helper()
	info, err := meter.Inspect(code)
	if err != nil {
		t.Fatal(err)
	}
	calls := []string{"mtad1.config", "mtad1.hdr_find", "mtad1.hdr_get", "mtad1.reply", "mtad1.log", "mtad1_edit.hdr_add"}
	for _, im := range info.Imports {
		if name := im.Module + "." + im.Name; !slices.Contains(calls, name) {
			t.Errorf("it imports %s", name)
		}
	}
	for _, e := range info.Exports {
		if strings.HasPrefix(e.Name, "mtad_") && !slices.Contains([]string{"mtad_abi_1", "mtad_init", "mtad_eom"}, e.Name) {
			t.Errorf("it exports %s", e.Name)
		}
	}
}

func TestALanguageThatIsNotThereIsRefusedWithThoseThatAre(t *testing.T) {
	_, err := plugins.Starter("cobol")
	if err == nil || !strings.Contains(err.Error(), "go, c, cc, rust, as, zig") {
		t.Fatal(err)
	}
}

// The transcript is the same in each language: what differs is said in the language only.
func TestTheStartersDoTheSame(t *testing.T) {
	names, _ := plugins.Languages()
	var first []byte
	for _, lang := range names {
		files, err := plugins.Starter(lang)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(files, func(f plugins.File) bool { return f.Name == "test.txt" })
		if first == nil {
			first = files[i].Data
		}
		if !bytes.Equal(first, files[i].Data) {
			t.Errorf("%s has another transcript", lang)
		}
	}
}

// The filter that the README of an SDK begins with is the starter's, which is tested.
func TestTheREADMEsHaveTheStartersFilter(t *testing.T) {
	for lang, readme := range map[string]string{"c": "c", "cc": "c", "rust": "rust", "as": "assemblyscript", "zig": "zig"} {
		text, err := os.ReadFile(filepath.Join("sdk", readme, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(filepath.Join("sdk/templates", lang, sources()[lang][0]))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(source, []byte("\n")); n > 40 {
			t.Errorf("the first filter in %s has %d lines: at most 40", lang, n)
		}
		if want := "```" + sources()[lang][1] + "\n" + string(source) + "```"; !strings.Contains(string(text), want) {
			t.Errorf("sdk/%s/README.md does not have the filter of templates/%s", readme, lang)
		}
	}
}

package meter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// specCommand is one line of a script of the WebAssembly specification's test suite, in the form that wast2json
// gives it. What the suite expects does not matter here: the original module is asked.
type specCommand struct {
	Type, Name, Filename, As string
	Line                     int
	Action                   struct {
		Type, Module, Field string
		Args                []specValue
	}
}

type specValue struct {
	Type  string
	Lane  string `json:"lane_type"`
	Value any
}

// bits is the value as the engine takes it: one word, two for v128.
func (v specValue) bits(t *testing.T) []uint64 {
	t.Helper()
	switch x := v.Value.(type) {
	case string:
		if x == "null" {
			return []uint64{0}
		}
		n, err := strconv.ParseInt(x, 10, 64)
		if errors.Is(err, strconv.ErrRange) {
			u, uerr := strconv.ParseUint(x, 10, 64)
			n, err = int64(u), uerr
		}
		if err != nil {
			t.Fatalf("value %q: %v", x, err)
		}
		if strings.HasSuffix(v.Type, "32") {
			return []uint64{uint64(uint32(n))}
		}
		return []uint64{uint64(n)}
	case []any:
		var w [2]uint64
		width := 128 / len(x)
		for i, lane := range x {
			n := specValue{Type: "i64", Value: lane}.bits(t)[0] & (1<<width - 1)
			w[i*width/64] |= n << (i * width % 64)
		}
		return w[:]
	}
	return []uint64{0}
}

// specSide is one of the two worlds in which a script runs.
type specSide struct {
	*host
	last   api.Module
	byName map[string]api.Module
}

func newSpecSide(t *testing.T, spectest []byte) *specSide {
	t.Helper()
	s := &specSide{host: newHost(t, 100), byName: map[string]api.Module{}}
	if _, err := s.InstantiateWithConfig(context.Background(), spectest, wazero.NewModuleConfig().WithName("spectest")); err != nil {
		t.Fatal(err)
	}
	return s
}

// load instantiates a module and returns its error.
func (s *specSide) load(c *specCommand, as string, wasm []byte) error {
	m, err := s.InstantiateWithConfig(context.Background(), wasm, wazero.NewModuleConfig().WithName(as))
	if c.Type == "module" {
		s.last, s.byName[c.Name] = m, m // nil if it failed
	}
	return err
}

// act runs an action and returns a text of what came of it.
func (s *specSide) act(t *testing.T, c *specCommand) string {
	t.Helper()
	m := s.last
	if c.Action.Module != "" {
		m = s.byName[c.Action.Module]
	}
	if c.Action.Type == "get" {
		return fmt.Sprint(m.ExportedGlobal(c.Action.Field).Get())
	}
	var args []uint64
	for _, a := range c.Action.Args {
		args = append(args, a.bits(t)...)
	}
	f := m.ExportedFunction(c.Action.Field)
	res, err := f.Call(context.Background(), args...)
	for i, r := range f.Definition().ResultTypes() {
		if r == api.ValueTypeExternref || ValueType(r) == FuncRef || ValueType(r) == ExnRef {
			if len(res) == len(f.Definition().ResultTypes()) && res[i] != 0 {
				res[i] = 1 // some address
			}
		}
	}
	return fmt.Sprint(res, trap(err), memoryOf(m))
}

// runSpec runs one script on original and metered modules side by side. It returns how many actions agreed and how
// many modules the rewriter refused.
func runSpec(t *testing.T, dir, script string, spectest []byte) (agreed, refused int) {
	var file struct{ Commands []specCommand }
	raw, err := os.ReadFile(filepath.Join(dir, script))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	original, metered := newSpecSide(t, spectest), newSpecSide(t, spectest)
	quiet := vectorArithmetic(script)
	for i := range file.Commands {
		c := &file.Commands[i]
		as := ""
		if next := i + 1; next < len(file.Commands) && file.Commands[next].Type == "register" {
			as = file.Commands[next].As
		}
		switch {
		case strings.HasSuffix(c.Filename, ".wasm"):
			wasm, err := os.ReadFile(filepath.Join(dir, c.Filename))
			if err != nil {
				t.Fatal(err)
			}
			was := original.load(c, as, wasm)
			res, err := Rewrite(wasm, Options{MaxMemoryPages: 65536, MaxTableElements: 10_000_000, Exceptions: true})
			if err != nil {
				if was == nil {
					refused++
					metered.last = nil
				}
				continue
			}
			is := metered.load(c, as, res.Wasm)
			if (was == nil) != (is == nil) {
				t.Errorf("line %d: %s: original %v, metered %v", c.Line, c.Filename, was, is)
			}
		case c.Type == "assert_exhaustion": // takes a stack of 100 MB to see that both overflow
		case c.Action.Type != "" && !quiet && original.last != nil && metered.last != nil:
			was, is := original.act(t, c), metered.act(t, c)
			if was != is {
				t.Errorf("line %d: %s: original %s, metered %s", c.Line, c.Action.Field, was, is)
			}
			agreed++
		}
	}
	return agreed, refused
}

// wazeroDir is where the source of the engine lies, whose tests include the specification's.
func wazeroDir() string {
	pc := reflect.ValueOf(wazero.NewRuntime).Pointer()
	file, _ := runtime.FuncForPC(pc).FileLine(pc)
	if !filepath.IsAbs(file) { // built with -trimpath
		cache := os.Getenv("GOMODCACHE")
		if cache == "" {
			cache = filepath.Join(build.Default.GOPATH, "pkg", "mod")
		}
		file = filepath.Join(cache, file)
	}
	return filepath.Dir(file)
}

// vectorArithmetic are the scripts that differ from each other in nothing but which of two hundred opcodes without
// operands they try. Their modules are metered and loaded; the 25,000 calls are left out.
func vectorArithmetic(script string) bool {
	for _, other := range []string{"address", "align", "boolean", "const", "lane", "linking", "load", "select", "splat", "store"} {
		if strings.HasPrefix(script, "simd_"+other) {
			return false
		}
	}
	return strings.HasPrefix(script, "simd_")
}

func TestSpecificationSuiteSeesNoDifference(t *testing.T) {
	root := filepath.Join(wazeroDir(), "internal", "integration_test", "spectest")
	spectest, err := os.ReadFile(filepath.Join(root, "testdata", "spectest.wasm"))
	if err != nil {
		t.Skip("needs the engine's source with its tests: go mod download, no vendor directory")
	}
	for _, suite := range []struct {
		name             string
		actions, refused int
	}{
		{"v2", 20_000, 1}, // an opcode after 0xfc that is padded to two bytes
		{"tail-call", 78, 0},
		{"exception-handling", 65, 2}, // recursive types
		{"extended-const", 60, 0},
	} {
		t.Run(suite.name, func(t *testing.T) {
			dir := filepath.Join(root, suite.name, "testdata")
			files, err := filepath.Glob(filepath.Join(dir, "*.json"))
			if err != nil {
				t.Fatal(err)
			}
			actions, refused := 0, 0
			for _, f := range files {
				script := filepath.Base(f)
				t.Run(strings.TrimSuffix(script, ".json"), func(t *testing.T) {
					a, r := runSpec(t, dir, script, spectest)
					actions, refused = actions+a, refused+r
				})
			}
			if actions < suite.actions || refused != suite.refused {
				t.Errorf("%d actions compared, want at least %d; %d modules refused, want %d",
					actions, suite.actions, refused, suite.refused)
			}
		})
	}
}

// The house rules of mtad, as tests: who may import whom and why, what every package has. A rule
// that does not hold is a wall in the wrong place: move the code, or draw the house again in
// docs/house.md before changing a rule here.
package mtad

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/mtad/mtad/"

// rule forbids packages below From to import packages below any of Never, unless they are below
// one of Except.
type rule struct {
	from   string
	never  []string
	except []string
	why    string
}

var rules = []rule{
	{"core", []string{"queue", "pipeline", "plugins", "cmd", "wasm-examples", "process-examples"}, nil,
		"core is the ground: the grammar of mail does not know who uses it"},
	{"queue", []string{"pipeline", "plugins", "cmd"}, nil,
		"mail at rest outlives every filter and every stage"},
	{"plugins", []string{"queue", "pipeline", "cmd"}, nil,
		"a plugin decides and proposes edits; it never touches the queue or a socket"},
	{"plugins/sdk", []string{"core", "plugins/wasm", "plugins/process", "plugins/builtin"}, nil,
		"the vocabulary compiles into guests: it carries nothing but itself"},
	{"process-examples", []string{"core", "queue", "pipeline", "cmd", "plugins/wasm", "plugins/process", "plugins/builtin"}, nil,
		"an example needs what every author has: the SDK"},
	{"pipeline", []string{"cmd"}, nil, "imports fall downwards"},
	{"pipeline", []string{"plugins/builtin", "plugins/process", "plugins/wasm"}, []string{"pipeline/master"},
		"only master knows which kinds of plugins there are"},
	{"pipeline", []string{"queue/store", "queue/qmgr"}, []string{"pipeline/master"},
		"stages know the queue by its interfaces; master builds it"},
	{"pipeline/smtpd", []string{"pipeline/deliver"}, nil, "mail comes in and goes out by way of the queue only"},
	{"pipeline/deliver", []string{"pipeline/smtpd", "pipeline/cleanup"}, nil, "mail comes in and goes out by way of the queue only"},
	{"plugins/wasm/meter", []string{"core", "plugins/sdk"}, nil, "the meter is a package of its own, to be audited alone"},
	{"core/addr", []string{"core"}, []string{"core/addr"}, "the ground imports nothing of ours"},
	{"core/status", []string{"core"}, []string{"core/status"}, "the ground imports nothing of ours"},
	{"core/conf", []string{"core"}, []string{"core/conf"}, "the ground imports nothing of ours"},
	{"core/dns", []string{"core"}, []string{"core/dns"}, "the ground imports nothing of ours"},
	{"core/spawn", []string{"core"}, []string{"core/spawn"}, "the privileged parent is made of it"},
	{"core/ports", []string{"core"}, []string{"core/ports"}, "the privileged parent is made of it"},
	{"core/notify", []string{"core"}, []string{"core/notify"}, "the privileged parent is made of it"},
	{"core/tlskeys", []string{"core"}, []string{"core/tlskeys"}, "the privileged parent is made of it"},
	{"core/confine", []string{"core"}, []string{"core/confine"}, "the ground imports nothing of ours"},
	{"pipeline", []string{"core/privsep/parent"}, []string{"pipeline/master"}, "only master starts the privileged parent"},
	{"core/metric", []string{"core"}, []string{"core/metric"}, "the ground imports nothing of ours"},
}

func TestImportsFallDownwards(t *testing.T) {
	for pkg, files := range sources(t) {
		for name, f := range files {
			for _, im := range f.Imports {
				p, ours := strings.CutPrefix(strings.Trim(im.Path.Value, `"`), module)
				if !ours || strings.HasSuffix(name, "_test.go") {
					continue
				}
				for _, r := range rules {
					if r.forbids(pkg, p) {
						t.Errorf("%s imports %s: never, because %s", name, p, r.why)
					}
				}
			}
		}
	}
}

func (r rule) forbids(from, to string) bool {
	if !below(from, r.from) {
		return false
	}
	for _, e := range r.except {
		if below(from, e) && (!below(r.from, e) || below(to, e)) {
			return false
		}
	}
	for _, n := range r.never {
		if below(to, n) && !(below(to, r.from) && below(r.from, n)) {
			return true
		}
	}
	return false
}

func below(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// What keeps root's rights parses no mail and runs no plugin, and is small enough to be read: of ours it
// imports what it is made of and the configuration, of the standard library nothing that parses what
// strangers wrote.
func TestThePrivilegedParentImportsLittle(t *testing.T) {
	for pkg, files := range sources(t) {
		if !below(pkg, "core/privsep") && !below(pkg, "core/spawn") && !below(pkg, "core/ports") && !below(pkg, "core/notify") && !below(pkg, "core/tlskeys") {
			continue
		}
		for name, f := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, im := range f.Imports {
				p := strings.Trim(im.Path.Value, `"`)
				first, _, _ := strings.Cut(p, "/")
				ours, isOurs := strings.CutPrefix(p, module)
				if isOurs && !below(ours, "core/privsep") && !below(ours, "core/conf") && !below(ours, "core/spawn") && !below(ours, "core/ports") && !below(ours, "core/notify") && !below(ours, "core/tlskeys") {
					t.Errorf("%s imports %s: what keeps root's rights parses no mail and runs no plugin", name, p)
				}
				foreign := strings.Contains(first, ".") && !isOurs && !strings.HasPrefix(p, "golang.org/x/sys/")
				if foreign || below(p, "net/http") || below(p, "net/mail") || below(p, "net/textproto") || below(p, "mime") || below(p, "encoding/json") || below(p, "plugin") {
					t.Errorf("%s imports %s: what keeps root's rights parses nothing that strangers wrote", name, p)
				}
			}
		}
	}
}

// The standard library is all that the SDK may import: it compiles into guests.
func TestSDKImportsTheStandardLibraryOnly(t *testing.T) {
	for pkg, files := range sources(t) {
		if !below(pkg, "plugins/sdk") || below(pkg, "plugins/sdk/serve") || below(pkg, "plugins/sdk/sdktest") {
			continue
		}
		for name, f := range files {
			for _, im := range f.Imports {
				p := strings.Trim(im.Path.Value, `"`)
				if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") && !strings.HasPrefix(p, module+"plugins/sdk") {
					t.Errorf("%s imports %s: the SDK compiles into guests", name, p)
				}
			}
		}
	}
}

// Only cleanup creates queue entries: nobody else names queue.Draft.
func TestOnlyCleanupCreatesEntries(t *testing.T) {
	for pkg, files := range sources(t) {
		if pkg == "pipeline/cleanup" || below(pkg, "queue") {
			continue
		}
		for name, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Draft" && !strings.HasSuffix(name, "_test.go") {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "queue" {
						t.Errorf("%s uses queue.Draft: cleanup is the only door to the queue", name)
					}
				}
				return true
			})
		}
	}
}

// Nothing registers itself: what runs is built by master from the configuration. Generated protobuf
// code does: the protobuf runtime knows its types by that.
func TestNoInitFunctions(t *testing.T) {
	for pkg, files := range sources(t) {
		if isGuest(pkg) {
			continue // it registers its own plugin
		}
		for name, f := range files {
			if ast.IsGenerated(f) {
				continue
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
					t.Errorf("%s has an init function", name)
				}
			}
		}
	}
}

// Every package says what it is for, in a file of its own.
func TestEveryPackageHasItsDoc(t *testing.T) {
	for pkg, files := range sources(t) {
		if pkg == "." || isGuest(pkg) || onlyTests(files) {
			continue
		}
		doc := files[path.Join(pkg, "doc.go")]
		if doc == nil || doc.Doc == nil {
			t.Errorf("%s has no doc.go with a package comment", pkg)
		}
	}
}

// isGuest reports whether a folder is a plugin, or what one begins with: it is no part of mtad.
func isGuest(pkg string) bool {
	return below(pkg, "wasm-examples") || below(pkg, "plugins/sdk/templates") || pkg == "plugins/sdk/sdktest/conformance/guest"
}

func onlyTests(files map[string]*ast.File) bool {
	for name := range files {
		if !strings.HasSuffix(name, "_test.go") {
			return false
		}
	}
	return true
}

// Big files and functions are shown, not refused: does each hold one idea?
func TestSizes(t *testing.T) {
	fset := token.NewFileSet()
	walk(t, func(name string) {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil || strings.HasSuffix(name, "_test.go") || ast.IsGenerated(f) {
			return
		}
		if n := fset.Position(f.End()).Line; n > 600 {
			t.Errorf("%s has %d lines; stop at 600", name, n)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line; n > 80 {
					t.Errorf("%s: %s has %d lines; stop at 80", name, fn.Name.Name, n)
				}
			}
		}
	})
}

// sources parses every Go file, by package directory and file name.
func sources(t *testing.T) map[string]map[string]*ast.File {
	t.Helper()
	pkgs := map[string]map[string]*ast.File{}
	fset := token.NewFileSet()
	walk(t, func(name string) {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(name)
		if pkgs[dir] == nil {
			pkgs[dir] = map[string]*ast.File{}
		}
		pkgs[dir][name] = f
	})
	return pkgs
}

func walk(t *testing.T, fn func(name string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "var" || name == "bin" || d.Name() == "testdata" || d.Name() == "node_modules" || name != "." && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !d.IsDir():
			fn(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

package plugins

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed sdk/*.go sdk/guest sdk/c sdk/rust sdk/assemblyscript sdk/zig sdk/templates
var sources embed.FS

// File is a file of a starter folder.
type File struct {
	// Name is its path in the folder, with slashes.
	Name string
	Data []byte
	// Mode is 0644, or 0755 of a script.
	Mode fs.FileMode
}

// language is what a starter folder is made of: its template, and where the files of the SDK go,
// those of each folder of plugins that is named here into one below sdk.
type language struct {
	name, title string
	sdk         map[string]string
}

func languages() []language {
	return []language{
		{"go", "Go", map[string]string{"sdk": "plugins/sdk", "sdk/guest": "plugins/sdk/guest"}},
		{"c", "C", map[string]string{"sdk/c": "."}},
		{"cc", "C++", map[string]string{"sdk/c": "."}},
		{"rust", "Rust", map[string]string{"sdk/rust": ".", "sdk/rust/src": "src"}},
		{"as", "AssemblyScript", map[string]string{"sdk/assemblyscript": "."}},
		{"zig", "Zig", map[string]string{"sdk/zig": "."}},
	}
}

// Languages returns the names that Starter takes, and what they are called.
func Languages() (names, titles []string) {
	for _, l := range languages() {
		names, titles = append(names, l.name), append(titles, l.title)
	}
	return names, titles
}

// Starter returns the files of a folder with a first filter in a language: "make" builds
// filter.wasm there, and "make test" plays test.txt against it. The data are the caller's.
func Starter(lang string) ([]File, error) {
	names, _ := Languages()
	for _, l := range languages() {
		if l.name == lang {
			return l.files()
		}
	}
	return nil, fmt.Errorf("no language %q: there are %s", lang, strings.Join(names, ", "))
}

func (l language) files() ([]File, error) {
	files, err := folder("sdk/templates/"+l.name, ".")
	if err != nil {
		return nil, err
	}
	for from, to := range l.sdk {
		more, err := folder(from, path.Join("sdk", to))
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	if l.name == "go" {
		files = append(files, goModules()...)
	}
	return files, nil
}

// folder returns the files of one folder, not of those below it.
func folder(from, to string) ([]File, error) {
	entries, err := sources.ReadDir(from)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		b, err := sources.ReadFile(path.Join(from, e.Name()))
		if err != nil {
			return nil, err
		}
		f := File{Name: path.Join(to, e.Name()), Data: b, Mode: 0o644}
		if e.Name() == "build" {
			f.Name, f.Mode = "sdk/build", 0o755
		}
		files = append(files, f)
	}
	return files, nil
}

// goModules makes the folder a module, and the SDK's copy in it one that stands for mtad's.
func goModules() []File {
	const mtad = "github.com/mtad/mtad"
	return []File{
		{"go.mod", []byte("module filter\n\ngo 1.26\n\nrequire " + mtad + " v0.0.0\n\nreplace " + mtad + " => ./sdk\n"), 0o644},
		{"sdk/go.mod", []byte("module " + mtad + "\n\ngo 1.26\n"), 0o644},
	}
}

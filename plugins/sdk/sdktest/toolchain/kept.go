package toolchain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keepFor is how long a module that nobody asks for is kept.
const keepFor = 7 * 24 * time.Hour

// kept returns the name of the file that has, or will have, the module which a toolchain makes of a
// source and the files beside it and beside the recipe; "" where nothing can be kept. Go's builds
// are not kept here: its toolchain does it.
func kept(version, recipe, source string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil || filepath.Ext(source) == ".go" {
		return "", nil
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", version, filepath.Base(source))
	for _, dir := range []string{filepath.Dir(recipe), filepath.Dir(source)} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(name)
			rel, _ := filepath.Rel(dir, name)
			fmt.Fprintf(h, "%s %d\n%s", rel, len(b), b)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return filepath.Join(cache, "mtad-test-modules", hex.EncodeToString(h.Sum(nil))+".wasm"), nil
}

// keep writes a module, whole or not at all, and removes old ones. A test that cannot write there
// does without.
func keep(name string, code []byte) {
	dir := filepath.Dir(name)
	if os.MkdirAll(dir, 0o755) != nil {
		return
	}
	if entries, err := os.ReadDir(dir); err == nil {
		for _, e := range entries {
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > keepFor {
				os.Remove(filepath.Join(dir, e.Name()))
			}
		}
	}
	f, err := os.CreateTemp(dir, "new-")
	if err != nil {
		return
	}
	_, err = f.Write(code)
	if err2 := f.Close(); err != nil || err2 != nil || os.Rename(f.Name(), name) != nil {
		os.Remove(f.Name())
	}
}

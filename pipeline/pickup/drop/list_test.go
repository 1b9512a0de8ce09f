package drop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/pipeline/pickup/drop"
)

func TestListShowsWholeFilesOnly(t *testing.T) {
	dir := t.TempDir()
	name, err := drop.Put(dir, full(), strings.NewReader("text\n"), 5)
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"tmp.X": "mtad-drop 1\n", "rubbish": "x"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(name, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	var got []drop.Waiting
	if err := drop.List(dir, func(w drop.Waiting) bool { got = append(got, w); return true }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Name != name || got[0].Size != 5 || got[0].Env.Sender != full().Sender {
		t.Errorf("got %+v", got)
	}
}

func TestPurgeRemovesOldUnfinishedFilesOnly(t *testing.T) {
	dir, old := t.TempDir(), time.Now().Add(-time.Hour)
	for _, file := range []string{"tmp.old", "tmp.new", "whole"} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if file == "tmp.new" {
			continue
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := drop.Purge(dir, time.Now().Add(-time.Minute)); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp.old")); !os.IsNotExist(err) {
		t.Errorf("tmp.old: %v", err)
	}
}

package conf

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mtad/mtad/core/conf/postfixtest"
)

// What the check calls cleanup's alone stands in the program cleanup of a real Postfix, and in no other program
// nor in what they share.
func TestNoOtherProgramOfPostfixHasWhatIsCleanupsAlone(t *testing.T) {
	dirs := postfixtest.Postconf(t, ".", "-dh", "daemon_directory", "shlib_directory")
	programs := map[string][]byte{}
	for _, pattern := range []string{dirs[0] + "/*", dirs[1] + "/libpostfix-global*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if text, err := os.ReadFile(f); err == nil && bytes.HasPrefix(text, []byte("\x7fELF")) {
				programs[filepath.Base(f)] = text
			}
		}
	}
	if programs["cleanup"] == nil || programs["local"] == nil || len(programs) < 20 {
		t.Fatalf("%d programs in %q", len(programs), dirs)
	}
	for _, name := range slices.Sorted(maps.Keys(cleanupAlone)) {
		var have []string
		for program, text := range programs {
			if bytes.Contains(text, []byte("\x00"+name+"\x00")) {
				have = append(have, program)
			}
		}
		if name == "header_checks" && len(have) == 0 && bytes.Contains(programs["cleanup"], []byte("mime_header_checks\x00")) {
			continue // the linker keeps it as the end of the longer name
		}
		if !slices.Equal(have, []string{"cleanup"}) {
			t.Errorf("%s is in %q", name, have)
		}
	}
}

package asuser

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// input is a connection of which only what comes is known.
type input struct {
	net.Conn
	r *bytes.Reader
}

func (i input) Read(p []byte) (int, error)  { return i.r.Read(p) }
func (i input) Write(p []byte) (int, error) { return len(p), nil }

// Whatever comes to a deliverer, nothing appears outside of its directory.
func FuzzServe(f *testing.F) {
	j := job{name: "dir/", owner: -1, size: 3, sender: "a@b", options: mailbox.Options{Hostname: "h", LockAttempts: 1}}
	whole := append(appendFrame(nil, j.frame()...), 0, 0, 0, 3, 'x', '\r', '\n', 0, 0, 0, 0)
	f.Add(whole)
	f.Add(append(whole[:len(whole):len(whole)], appendFrame(nil, jobRead, ".forward", "100")...))
	j.name = "../up/"
	f.Add(append(appendFrame(nil, j.frame()...), 0, 0, 0, 3, 'x', '\r', '\n', 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if texts, err := readFrame(bytes.NewReader(b), maxFrame); err == nil && len(texts) == 15 && !bytes.HasSuffix([]byte(texts[1]), []byte("/")) {
			return // an mbox may wait for a lock
		}
		top := t.TempDir()
		dir := filepath.Join(top, "base")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = (&shared{directory: dir}).serve(input{r: bytes.NewReader(b)})
		names, err := os.ReadDir(top)
		if err != nil || len(names) != 1 {
			t.Fatalf("%d files above the directory, %v", len(names), err)
		}
	})
}

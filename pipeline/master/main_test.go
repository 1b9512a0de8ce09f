// The tests of this package run a whole mtad: the test binary starts itself again as the daemon,
// which then talks over loopback sockets to clients and next hops that the tests play.
package master_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/pipeline/deliver/asuser"
	"github.com/mtad/mtad/pipeline/master"
	"github.com/mtad/mtad/plugins/sdk/serve"
)

// runVariable names the configuration directory of which the test binary shall be the daemon.
const runVariable = "MTAD_TEST_RUN"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == pluginWord {
		serve.Main(office{})
	}
	if asuser.Called(os.Args) {
		os.Exit(asuser.Main(os.Args, os.Stderr))
	}
	if dir := os.Getenv(runVariable); dir != "" {
		if len(os.Args) == 2 && os.Args[1] == "--version" { // an upgrade asks what it would run
			fmt.Println("mtad 0.1")
			os.Exit(0)
		}
		actAsActivated()
		code, err := runDaemon(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mtad:", err)
			code = 1
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// runDaemon is mtad. The daemon dies with the test that started it,
// which holds the other end of its standard input.
func runDaemon(dir string) (int, error) {
	if os.Getenv(privsep.Variable) == "" { // a worker ends with its parent
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(3)
		}()
	}
	load := func() (*conf.Config, error) { return conf.Load(dir, conf.WithVersion("0.1", "test")) }
	c, err := load()
	if err != nil {
		return 1, err
	}
	if os.Getenv(privsep.Variable) != "" {
		if target, err := os.ReadFile(filepath.Join(dir, rogueFile)); err == nil {
			return rogue(c, string(target))
		}
	}
	o := master.Options{Load: load, Stderr: os.Stderr, Version: "0.1"}
	if at := os.Getenv(dieVariable); at != "" {
		o.OverStore(dieAt(at))
	}
	return master.Serve(context.Background(), c, o)
}

// The tests of this package run a whole mtad: the test binary starts itself again as the daemon,
// which then talks over loopback sockets to clients and next hops that the tests play.
package master_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/master"
	"github.com/mtad/mtad/plugins/sdk/serve"
)

// runVariable names the configuration directory of which the test binary shall be the daemon.
const runVariable = "MTAD_TEST_RUN"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == pluginWord {
		serve.Main(office{})
	}
	if dir := os.Getenv(runVariable); dir != "" {
		if err := runDaemon(dir); err != nil {
			fmt.Fprintln(os.Stderr, "mtad:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runDaemon is mtad: SIGTERM drains, SIGHUP reloads. The daemon dies with the test that started it,
// which holds the other end of its standard input.
func runDaemon(dir string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	load := func() (*conf.Config, error) { return conf.Load(dir, conf.WithVersion("0.1", "test")) }
	c, err := load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	m, err := master.New(c, master.Options{Load: load, Stderr: os.Stderr, Version: "0.1"})
	if err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		for range hup {
			if err := m.Reload(ctx); err != nil {
				fmt.Fprintln(os.Stderr, "mtad: reload:", err)
			}
		}
	}()
	return m.Run(ctx)
}

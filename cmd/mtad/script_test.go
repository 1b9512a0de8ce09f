package main

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary stand for mtad under each of its names. The syslog daemon of this
// machine hears nothing of it.
func TestMain(m *testing.M) {
	if work := os.Getenv("WORK"); work != "" {
		syslogSocket = filepath.Join(work, "syslog")
	}
	commands := map[string]func(){"mtad": main}
	for _, v := range verbs() {
		if v.postfix {
			commands[v.name] = main
		}
	}
	testscript.Main(m, commands)
}

// TestScripts runs testdata/script/*.txtar: each is a session at the shell with the product.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Cmds:          allCommands(),
		Condition:     peerCondition,
		Setup: func(e *testscript.Env) error {
			e.Setenv("MAIL_CONFIG", e.WorkDir+"/etc")
			e.Setenv("NAME", "Test User")
			modules, err := filepath.Abs("../../plugins/wasm/testdata")
			if err != nil {
				return err
			}
			e.Setenv("MODULES", modules)
			e.Defer(func() {
				if err := killDaemon(e.WorkDir + "/queue"); err != nil {
					t.Error(err)
				}
			})
			return os.MkdirAll(e.WorkDir+"/queue/maildrop", 0o700)
		},
	})
}

func allCommands() map[string]func(*testscript.TestScript, bool, []string) {
	all := scriptCommands()
	maps.Copy(all, daemonCommands())
	maps.Copy(all, peerCommands())
	maps.Copy(all, userCommands())
	return all
}

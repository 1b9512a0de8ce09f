package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary stand for mtad under each of its names.
func TestMain(m *testing.M) {
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
		Cmds:          scriptCommands(),
		Setup: func(e *testscript.Env) error {
			e.Setenv("MAIL_CONFIG", e.WorkDir+"/etc")
			e.Setenv("NAME", "Test User")
			return os.MkdirAll(e.WorkDir+"/queue/maildrop", 0o700)
		},
	})
}

package workbench

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"

	"github.com/mtad/mtad/plugins/process"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

// loadProcess starts a program, which is looked for as a shell does.
func loadProcess(ctx context.Context, command []string, l sdktest.Load, o Options) (sdk.Module, error) {
	if len(command) == 0 {
		return nil, errors.New("process: which program?")
	}
	path, err := exec.LookPath(command[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, err
	}
	return process.Load(ctx, process.Options{Name: l.Name, Command: append([]string{path}, command[1:]...), Allow: l.Allow, Config: l.Config,
		Memory: o.Memory, Log: l.Log})
}

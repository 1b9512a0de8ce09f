package workbench

import (
	"context"
	"errors"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

// loadProcess starts a program.
func loadProcess(context.Context, []string, sdktest.Load, Options) (sdk.Module, error) {
	return nil, errors.New("process plugins are not supported by this version; use wasm or builtin")
}

//go:build wasip1

// Command guest is the conformance plugin as a WebAssembly module.
package main

import (
	"github.com/mtad/mtad/plugins/sdk/guest"
	"github.com/mtad/mtad/plugins/sdk/sdktest/conformance"
)

func init() { guest.Register(conformance.Plugin{}) }

func main() {}

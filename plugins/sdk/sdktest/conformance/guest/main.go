//go:build wasip1

package main

import (
	"github.com/mtad/mtad/plugins/sdk/guest"
	"github.com/mtad/mtad/plugins/sdk/sdktest/conformance"
)

func init() { guest.Register(conformance.Plugin{}) }

func main() {}

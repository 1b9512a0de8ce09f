// Package guest makes a WebAssembly plugin of a plugin value.
//
//	package main
//
//	import "github.com/mtad/mtad/plugins/sdk/guest"
//
//	func init() { guest.Register(filter{}) }
//	func main() {}
//
// Build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags="-s -w" -o filter.wasm
//
// # Invariants
//
// The module exports every hook; mtad_hooks tells the host which of them the plugin has. One
// hook runs at a time. Register is called once, from an init function: this is the one place
// where mtad's code registers something globally, and it is the guest's own.
//
// The module asks for the capabilities that its plugin uses and for no others: the linker keeps an
// import only when something that can be reached calls it. A plugin that gives its sdk.Host to
// code that calls everything (by reflection, or through text/template) asks for everything.
//
// # Errors
//
// An error of Init refuses to load, with its text. A panic ends the instance; the host applies
// the plugin's on_error.
package guest

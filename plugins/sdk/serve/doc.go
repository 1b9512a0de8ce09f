// Package serve is main() of a plugin that runs as a process of its own:
//
//	package main
//
//	import "github.com/mtad/mtad/plugins/sdk/serve"
//
//	func main() { serve.Main(filter{}) }
//
// The value is the same that can be linked into mtad or compiled to WebAssembly (package guest), and
// it answers the same. mtad starts the program, asks it over a socket of its own, starts it again when
// it dies, and ends it when it ends itself. What the program writes to standard output and standard
// error appears in the log.
//
// # Invariants
//
// Hooks of different sessions run at the same time, each in a goroutine of its own: a plugin that
// keeps anything in its value guards it by a mutex. An sdk.Host is one hook's alone. Nothing that a
// hook asked for counts before it returned.
//
// What a hook reads is remembered per hook point, and mtad sends it along from the next call on, so
// that a hook that only reads costs one round trip. Edits and services cost one each.
//
// # Errors
//
// An error of Init refuses to load, with its text. A panic is a failure of that hook, as a trap of a
// guest is; the process goes on. When mtad is gone, calls of the host answer sdk.ErrIO.
package serve

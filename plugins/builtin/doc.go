// Package builtin has the plugins that are part of mtad. They use the same SDK and the same hook
// points as any other plugin, and have no privilege that a sandboxed one lacks.
//
// All is the list of them; there is no registry. Load makes a module of one, for a [[plugin]] of
// the configuration that says builtin = "NAME". A plugin with an Init method is initialised by that, as
// one of the other kinds is.
//
// # Errors
//
// Load names the built-in and what is wrong with its configuration; an error or panic of Init refuses to load. A panic of a built-in is a
// failure of its call, like a trap of a guest.
package builtin

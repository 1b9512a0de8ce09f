// Package workbench runs one plugin outside the daemon, for whoever writes it: on messages, on
// transcripts, against the clock, and under the magnifying glass.
//
//	b, err := workbench.Open(ctx, "filter.wasm", workbench.Options{Allow: []string{"edit"}})
//	defer b.Close(ctx)
//	res := b.Pass(ctx, workbench.Message{Text: text, From: "a@example.com", To: []string{"b@example.net"}})
//
// What names a plugin is the file of a WebAssembly module, "builtin:NAME" of a built-in, or
// "process:FILE ARG …" of a program.
//
// # Invariants
//
// The host is the daemon's own (package hook): what is refused there is refused here, with the same
// limits. Nothing leaves: the store is in memory, the DNS is disabled, what a transport or an event
// hook is told of was never sent.
//
// # Errors
//
// Open says why a plugin cannot be loaded, in the words of the daemon's log. What a plugin refuses or
// how it fails is part of the Result.
package workbench

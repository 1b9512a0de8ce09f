// Package tomlcf reads mtad.toml: parameters under the names they have in main.cf, and plugins.
//
// # Format
//
// TOML 1.0. Every key above the first table is a parameter; its value is a string, a whole
// number, true or false (yes or no), or an array of these, whose elements become the elements of
// a list. `$name` is expanded as in main.cf. Numbers with a decimal point stand in quotes, for
// 3.10 is not 3.1 where compatibility levels are meant. Each [[plugin]] is a plugin:
//
//	relayhost  = "[smtp.example.com]:587"
//	mynetworks = ["127.0.0.0/8", "[::1]/128"]
//
//	[[plugin]]
//	name     = "nospam"
//	wasm     = "nospam.wasm"     # or process = ["/usr/lib/mtad/scan", "-v"], or builtin = "dkim_sign"
//	hooks    = ["rcpt", "eom"]   # optional narrowing
//	allow    = ["edit", "kv"]    # capabilities; nothing by default
//	on_error = "tempfail"        # or "continue", "reject"
//	time     = "50ms"            # per hook
//	memory   = "16MiB"
//	fuel     = 50_000_000        # optional: units of work per hook, wasm only
//	mode     = "enforce"         # or "shadow"
//	sha256   = "..."             # optional pin of a wasm file or a program
//	isolation = "message"        # or "none"
//	[plugin.config]
//	words = "/etc/mtad/words"
//
// # Invariants
//
// The order of plugins is the order of the file. Names of files are absolute: relative ones are
// below Parser.Dir. Unmarshal goes on after a key that it cannot use.
//
// # Errors
//
// A *Problem names the file and the line. Text that is no TOML is one problem, and then nothing
// of the file is read.
package tomlcf

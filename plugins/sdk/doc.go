// Package sdk is the vocabulary of plugins: the points at which mtad asks, the verdicts a plugin
// answers with, what it sees of a message and may propose to change.
//
// A plugin is a value with the hooks it wants as methods; each hook is a small optional
// interface (Mailer, Rcpter, EOMer, …):
//
//	type nospam struct{}
//
//	func (nospam) EOM(tx sdk.Tx) sdk.Verdict {
//		if strings.Contains(tx.Header("Subject"), "SPAM") {
//			return sdk.Reject("5.7.1", "no spam here")
//		}
//		return sdk.Continue
//	}
//
// The same value can be linked into mtad (built-in), served as a process, or compiled to
// WebAssembly (package guest). Tx wraps a Host, which is ABI 1 call by call; the three kinds
// differ only in who implements Host.
//
// # Invariants
//
// The package imports the standard library only: it compiles into guests. Edits and answers
// queue in the host and are applied whole when the hook returns, or not at all. Strings and
// slices given to a Host method are valid only during the call: the host copies what it keeps.
// Slices that a Host returns are valid until its next call.
//
// # Errors
//
// A Host method never panics on bad input; it answers an Errno, which is what guests see as a
// negative number.
package sdk

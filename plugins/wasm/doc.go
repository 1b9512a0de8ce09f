// Package wasm runs plugins that are WebAssembly modules, in wazero.
//
// Load checks a module against ABI 1 and against what its configuration allows, meters it (package
// meter), compiles it, and initialises one instance. The memory image and globals of that
// instance are the snapshot that every other instance starts from and that an instance is reset
// to after each call, so that nothing a message left behind is seen by the next.
//
// # Invariants
//
// A guest runs only inside Call, on an instance that no other call uses. When it uses its time it
// cannot outlive its deadline by more than a yield interval: at loop heads and function entries it
// pays fuel, and when that is used up the host looks at the clock; host calls look at it too. One
// that the machine kept from running may go on, up to ten times the limit. Host calls are limited
// in number as well, and so are the bytes of its stack. Its memory cannot
// grow beyond Options.Memory. A call that failed (trap, deadline, exit) costs its instance.
// No host call traps, whatever pointers and numbers it is given.
//
// # Errors
//
// Load names what is wrong: an import that is unknown or not allowed, an export with another
// signature, a module that cannot be decoded. Call returns *Failure, which carries the guest's
// stack.
package wasm

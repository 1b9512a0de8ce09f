// Package toolchain builds plugins in tests with the recipes of the SDKs: plugins/sdk/c/build,
// rust/build, assemblyscript/build, zig/build and guest/build, which are also what "make examples"
// and the folders of "mtad plugin new" use.
//
//	code := toolchain.Build(t, "filter.rs")
//
// # Invariants
//
// Nothing is written but below the test's temporary folder, and below the user's cache: a module that the
// same toolchain made of the same files is not made again for a week.
//
// # Errors
//
// Without the language's toolchain the test is skipped with one line; with MTAD_DEMAND_PEERS=1 it
// fails. A source that does not compile fails the test with what the compiler said.
package toolchain

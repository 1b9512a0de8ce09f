// Package mastercf reads Postfix's master.cf: the services.
//
// # Format
//
// master(5): a logical line (package lines) has eight columns, separated by white space: service
// name, type, private, unprivileged, chroot, wake-up time, process limit, and a command with its
// arguments; "-" stands for the default. `{ text }` keeps an argument that has white space
// together. `-o name=value` and `-o { name = value }` set a parameter for the service alone, -v
// makes its log more detailed.
//
// # Invariants
//
// Parse goes on after a line that it cannot read. Of several services with the same name and type
// Unique keeps the last one. A Service that Parse returns has a known type and a known program,
// and an address (inet) or path that can be listened on.
//
// # Errors
//
// A *Problem names the file and the line; a warning says so and leaves the service usable.
package mastercf

// Package process runs plugins that are programs of their own: it starts them, speaks with them over
// a socket (hashicorp/go-plugin, gRPC; package wire), starts them again when they die, and ends them.
//
// Load starts the program and asks what it wants, so that what is wrong with it is said at the start
// and not at the first message. A process is no sandbox: it has the rights of mtad's user. What the
// process boundary gives is that its crashes, loops and leaks are its own.
//
// # Invariants
//
// A call is a transaction of the hook that makes it: the process proposes edits one by one, the host
// keeps them, and a call that does not end with a verdict returns an error, so that none counts.
// Hooks run on lanes, one at a time on each. A lane whose hook outlives its time limit is not used
// before the hook has ended; one that goes on for Overdue costs the process its life.
//
// The process is in a process group of its own, which ends as a whole, and it dies with mtad, however
// mtad dies (on Linux). It gets a clean environment, and nobody but mtad can connect to it: the socket is
// in a private directory, the kernel says whose it is, and it has no name any more once mtad is connected.
// Every goroutine and every file of a process is gone when the next one is started.
//
// # Errors
//
// A call fails with the cause (time limit, the process ended and how, nonsense) and the last line that
// the process wrote to standard error. While there is no process, calls fail at once. Load names the
// program and what is wrong with it.
package process

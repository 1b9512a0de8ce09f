// Package suspend keeps destinations from getting mail, and services from working, for a while, by an
// admin's order: mail for them is deferred without asking the destination, and stays so when it is
// flushed.
//
// A Table is the orders in force. Agent wraps a delivery agent so that it heeds them. They are kept
// in a file and survive reloads and restarts.
//
// # Invariants
//
// An order is on disk before Suspend or Resume returns nil. A deferral of ours counts neither for nor
// against the window of a destination.
//
// # Errors
//
// Resume fails with queue.ErrNotFound for what is not suspended; the others with the
// disk's error, and then nothing has changed.
//
// # Format
//
// The file is JSON: a list of {nexthop or service, reason, until}.
package suspend

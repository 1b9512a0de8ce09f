// Package bench is the relay benchmark: source → mtad → sink on loopback, mtad as a process of its
// own with a synced queue below a temporary directory.
//
// # Invariants
//
// Every run starts a fresh mtad on an empty queue, warms it up, then measures. Traffic goes to
// loopback only; each run is bounded by a number of messages and by Limit.
//
// # Errors
//
// A run in which a message was refused, lost or came twice fails, with the numbers.
package bench

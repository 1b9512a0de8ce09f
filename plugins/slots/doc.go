// Package slots lets so many calls of a plugin run at a time, and the others wait for their turn.
//
// A call waits for at most MaxWait. When calls that had a turn ran out of time meanwhile, it waits no longer than
// HungWait: there is not much to do, but nothing gets done. Waiting is not the plugin's time: whoever limits a
// call begins to count when it has its turn.
//
// # Invariants
//
// At most as many turns are taken as Init was told. Each that was taken is given back once.
//
// # Errors
//
// Take fails with the context's error, or says how long it waited for how many.
package slots

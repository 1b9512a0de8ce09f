// Package failing answers for the transports that deliver nothing: error bounces, retry defers,
// discard throws away. The nexthop is the text for the log and the notice, as in Postfix:
//
//	error:5.1.6 this user has moved
//	retry:4.3.2 down until Monday
//	discard:silently ignored
//
// # Invariants
//
// The message is not opened; no recipient is treated unlike another. The relay is "none".
//
// An enhanced code at the begin of the text replaces the agent's own (5.0.0, 4.0.0, 2.0.0) when its
// class fits; one of another class is dropped, for it would contradict what happens.
//
// # Errors
//
// There are none: the result is the transport's meaning.
package failing

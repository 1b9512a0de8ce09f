// Package deliver is what the delivery agents share: how a delivery ends (Attempt), what stands
// in a header (Header), and whether a message was here before (DeliveredTo).
//
// Each agent is a package below this one and implements queue.Agent: smtp and lmtp hand mail on,
// local and virtual put it into mailboxes, failing answers for the error, retry and discard
// transports. They meet the rest of mtad in the queue only.
//
// What is done for a recipient is done with the rights of that recipient: a Runner runs commands,
// Files reads files (As says who). Self is both for a mail system without a privileged parent.
//
// # Invariants
//
// An unknown failure defers: only a status.Error of class 5 bounces. A delivery that was
// interrupted is deferred too, whatever it had done; it may happen again, it is never lost.
//
// # Errors
//
// Header and DeliveredTo fail only where the message's storage does; that is temporary.
package deliver

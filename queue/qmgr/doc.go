// Package qmgr is the queue manager: it decides which queued message is tried when, hands its
// recipients to the delivery agents, and deals with what they answer.
//
// A Manager stands between the store and the agents. Accepted brings it a message that was just
// committed; what waits in the store it finds by itself. Run owns all its goroutines. The admin's
// commands (Flush, Hold, Release, Delete, Expire) and questions (Active, Counts, Stats, Why) come
// from the control socket.
//
//	        Accepted ──┐                        ┌─ agent (smtp)
//	store ─ fill ──────┴─ active set ─ route ─ sites ─ agent (local)
//	  ▲                                         └─ agent …
//	  └─────────── settle: log, record, notices, next time ◄──┘
//
// # A message
//
//	Accepted, fill   it enters the active set, if there is room; else it waits in the store
//	route            a worker resolves its recipients and puts them into one group per site
//	take             when a site's window and its transport's process limit allow, a request is cut
//	                 off a group: at most the transport's recipient limit
//	deliver          a worker gives the request to the agent, under the transport's time limit
//	settle           results are logged and recorded, by one goroutine at a time per message
//	notify           once nothing is under way any more, notices are committed
//	close            the entry is removed, or written back deferred or on hold, and leaves the set
//
// A site is a destination: transport and nexthop, and the recipient too for transports that take
// one recipient at a time. Package sched decides how sites and messages share what is scarce.
// RATIONALE.md says why all this is as it is.
//
// # Invariants
//
// One owner: an entry is in the active set, and then only its message changes its record, or it is
// on the shelf (in the store only), and then it changes with Manager.shelf held. An entry goes
// from the shelf to the active set under both shelf and mu; Accepted alone does without shelf,
// for entries nobody else can know yet, and takes it when that is in doubt.
//
// One writer: of one message, one goroutine at a time settles (message.owned). Others append what
// ended to message.ended and go on.
//
// One manager: of the managers that are made for a store, one runs at a time.
//
// Nothing waits for ever: work that cannot end (a dead site, a crowd) is answered with a deferral
// at once; every call to an agent, resolver or notifier has a deadline.
//
// A recipient counts as done when its delivery was confirmed or its notice is committed, never
// before. A record that could not be written is written again later; until then the entry stays
// active.
//
// Memory is bounded by Options.ActiveLimit messages and Options.RecipientLimit recipients. There
// is no goroutine per message; workers are started on demand, bounded by the limits of the
// transports, and reused.
//
// Locks: shelf before mu. mu is never held over a call to store, resolver, agent, notifier or log.
//
// # Errors
//
// The admin's commands answer queue.ErrNotFound and the store's errors. Whatever an agent, resolver
// or notifier does wrong (panic, wrong number of results) defers the recipients concerned. A store
// that fails is logged, left alone for a while, and asked again.
//
// # Known gaps
//
// A success notice (RFC 3461 §4.1 NOTIFY=SUCCESS) whose commit fails is logged and given up: the
// record of an entry has no place for a notice that is still owed.
package qmgr

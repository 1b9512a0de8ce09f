// Package queue is mail at rest: what a queued message is, in which states it can be, and the
// interfaces between the store that keeps it, the manager that schedules it, the agents that
// deliver it and the notifier that reports on it.
//
// # States
//
//	state     meaning                                  goes to
//	incoming  committed, not yet taken by the manager  active, hold, corrupt, removed
//	active    owned by the manager, being delivered    deferred, hold, corrupt, removed
//	deferred  waits for its next attempt               active, hold, corrupt, removed
//	hold      waits for an admin                       deferred (release), incoming (requeue), removed
//	corrupt   failed its checksum; kept for the admin  removed
//
// One sentence per transition:
//
//	(new) → incoming      Draft.Commit returns, and the caller may say 250: the entry and its text are synced.
//	(new) → hold          the same, for an entry that a HOLD action or a plugin put aside.
//	incoming → active     the manager took ownership; not on disk in its own right: after a crash active is incoming.
//	active → deferred     at least one recipient is not done; its replies and the next time are recorded.
//	active → removed      every recipient is done (sent, or bounced), and the notices that are owed are committed.
//	deferred → active     its time has come, or an admin flushed it.
//	any → hold            an admin held it; deliveries under way finish and are recorded first.
//	hold → deferred       an admin released it; due at once.
//	any → corrupt         its checksum or encoding is wrong; logged, kept, never delivered.
//	any → removed         an admin deleted it, or it is done.
//
// # Invariants
//
// An entry is immutable once committed: envelope and text never change. What changes is the
// Record beside it. An entry has one owner at a time: the store, then (active) the manager. A
// recipient is done only after its delivery was confirmed or its notice is committed. Removal
// and progress need no sync: losing them repeats work, never loses mail. Commit and hold are
// synced.
//
// # Errors
//
// The store answers *status.Error: 452 4.3.1 when there is no room, 451 4.3.0 for any other
// failure of the disk. ErrNotFound says that there is no such entry, ErrCorrupt that an entry is
// corrupt: Load and Open wrap it when they find that out, Update whenever it is so.
package queue

// Package verify finds out whether mail for an address can be delivered, before any is taken: the
// work of Postfix's verify(8) behind reject_unverified_sender and reject_unverified_recipient.
//
// New makes a Verifier over a memory of earlier answers. Ask answers from it; for an address that
// is not there, or whose answer has become old, a probe is queued: a message that every stage treats
// as mail, but that agents end before they deliver. Update takes what became of it.
//
// # Invariants
//
// However many ask for one address, one probe is on its way. A positive answer is not overwritten
// by a later failure before it expires. The probes under way and what the memory holds are bounded;
// what does not fit is not remembered. No answer is temporary: an address that nobody could ask
// about is Unknown, never Undeliverable.
//
// # Errors
//
// A probe that cannot be queued, and a memory that fails, leave the address Unknown; the log says
// why.
//
// # Format
//
// The memory has rows of key address (in standard form, its domain in lower case; one of more than
// 250 bytes is the SHA-256 of it) and value "state:probed:updated:text": state is 0 (deliverable), 1
// (deferred), 2 (undeliverable) or 3 (asked, no answer yet), the times are seconds since 1970, 0 for
// never. These are the values of Postfix's own map.
package verify

// Package qid makes and reads queue ids.
//
// An id carries a serial number that the store never gives out twice, and the time. Short ids
// look like Postfix's usual ones, long ids like those of enable_long_queue_ids, so that tools
// that pick ids from logs work on ours. Both kinds can live in one queue: a long id has a "z", a
// short one has not.
//
// # Invariants
//
// Serial(Short(t, n)) = n and Serial(Long(t, n)) = n for every t and n > 0. Two ids of one kind
// and time are equal only when their serials are. Ids do not sort; serials do, in the order of
// arrival.
//
// # Format
//
//	short  5 or more upper-case hexadecimal digits of the microseconds (%05X), then the serial in hexadecimal
//	long   6 or more base-52 digits of the seconds, 4 base-52 digits of the microseconds, "z", the serial in base 51
//
// The base-52 digits are 0–9 and the consonants, upper case before lower case; base 51 lacks the
// last of them, "z" (postconf(5) enable_long_queue_ids).
package qid

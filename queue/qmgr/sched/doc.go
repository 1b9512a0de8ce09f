// Package sched is the scheduler of the queue manager: how many deliveries a destination gets at a
// time (Window), who is next when several wait (Turns), and, made of these, the transports and
// their sites with the groups of recipients that wait there (Transport, Site, Group).
//
// It is plain data: no goroutine, no clock, no lock. The queue manager keeps it under its own
// mutex and says what time it is.
//
//	Transport   a delivery service: at most Rules.Processes deliveries at a time, taken from
//	            the sites that are ready, in turns
//	Site        a destination: at most its window's deliveries at a time, taken from the groups
//	            that wait there, in turns
//	Group       the recipients of one message (Job) for one site, from which requests are cut
//
// # Invariants
//
// A live window is at least 1 and never above its limit. Whatever waits in Turns is taken after a
// bounded number of turns, however much is added behind it. A site is in its transport's line
// exactly while it has groups, room in its window, and no pause. A group is in its message's list
// exactly while it waits at its site.
//
// # Errors
//
// Only ParseFeedback fails, with a text for the admin.
package sched

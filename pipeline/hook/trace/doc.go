// Package trace keeps what each plugin did with each message, for as long as an admin wants to see
// it: the steps of a message through its hooks, each with the verdict, the time and what changed.
//
//	r := trace.New(trace.Options{})
//	err := r.Start(trace.Rule{From: "@example.com", Until: time.Now().Add(time.Hour)})
//	…
//	record, ok := r.Find("4F1aB2c3")
//
// Package hook writes the records; the control socket shows them.
//
// # Invariants
//
// Nothing is traced until a rule says so, and then only messages that the rule means; a rule ends by
// itself. On is one atomic load when there is no rule. Records are in memory only, MaxRecords and
// MaxBytes of them at most: the oldest go first. They hold parts of messages, so they are shown
// to admins alone and never written to a log. Safe for concurrent use.
//
// # Errors
//
// Start refuses a rule without an end, or one too many.
package trace

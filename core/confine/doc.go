// Package confine takes away from this process what it will not need again: files outside of the
// directories that it names (Landlock), core dumps, and, where asked, the eyes of other processes of
// its user.
//
// # Invariants
//
// What is taken away stays away, for every thread and for every program that this process starts.
// Where the kernel has no Landlock (before 5.13, or switched off) files stay as they were; the
// result says so, for the log.
//
// # Errors
//
// Process fails when the kernel has Landlock and refuses the rules.
package confine

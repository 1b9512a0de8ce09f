// Package textdiff shows how two texts differ, as "diff -u" does.
//
//	fmt.Print(textdiff.Unified("header", before, after))
//
// # Invariants
//
// The result is safe to print on a terminal: control bytes and what is no UTF-8 come as \xNN, and
// lines are cut at MaxLine bytes. Time and memory are bounded: texts that differ in more than
// maxEdits lines are shown as one replaced by the other.
//
// # Errors
//
// There are none. Equal texts give "".
package textdiff

// Package pattern reads and asks tables of regular expressions: Postfix's types regexp
// (regexp_table(5)) and pcre (pcre_table(5)).
//
// Parse reads a table, Table.Lookup asks it. The whole key is matched against the rules in order
// and the first that matches answers; keys are never taken apart, nor folded.
//
// A literal that every match must contain is taken from each expression. One pass of an
// Aho-Corasick automaton over the key finds which literals it has, and only rules whose literals
// are there run their expression. So a few hundred rules cost a message little more than one.
//
// # Format
//
//	/expression/flags  result        !/expression/flags  result
//	if /expression/flags … endif     if !/expression/flags … endif
//
// Any character may stand for "/" but a letter, a digit, white space or a backslash. Blocks nest.
// In a result, $1, ${1} and $(1) stand for what a group matched and $$ for a dollar; not after "!".
//
// Flags of regexp, each a toggle: i (ignore case; on), x (extended syntax; on), m ("." and
// bracket expressions do not match a newline, ^ and $ match at lines; off). Flags of pcre: i (on),
// s ("." matches a newline; on), m (^ and $ match at lines), x (white space and comments do not
// count), A (match at the start only), E ($ matches at the very end only), U (repetitions are not
// greedy), X (without effect, as in PCRE2).
//
// # Invariants
//
// A Table is immutable and safe for concurrent use. The filter never hides a match: it only
// leaves out expressions that cannot match. An expression either runs in time linear in the key
// (Go's regexp) or under a time limit (regexp2).
//
// # Errors
//
// Parse reports each bad rule as a Problem with its line. Problems that Postfix has too (it warns
// and leaves the rule out) are Warnings; what Postfix understands and this package does not is an
// error of Parse. Lookup fails when an expression exceeds its time limit: temporary, never "no".
//
// # Known gaps
//
// PCRE's recursion, callouts, verbs, \K, \G, \X and (?|…) are refused. Back-references in
// regexp tables match leftmost-first, not leftmost-longest.
package pattern

// Package subjecttag puts a tag in front of the Subject of messages that have a header field with
// a given value, as "[SPAM]" for what a filter marked before.
//
// # Invariants
//
// A Subject that has the tag already is left alone. A message without a Subject gets one.
//
// # Errors
//
// New refuses a configuration without tag.
package subjecttag

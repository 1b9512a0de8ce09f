package pipe

import (
	"fmt"
	"strings"
)

// flags is the set of flags= (pipe(8)).
type flags uint16

const (
	blankLine   flags = 1 << iota // B: an empty line behind the message
	deliveredTo                   // D: Delivered-To, and a loop is detected
	fromLine                      // F: "From sender date" before the message
	originalTo                    // O: X-Original-To
	returnPath                    // R: Return-Path
	final                         // X: the command puts the message away
	foldDomain                    // h: domains in lower case
	quote                         // q: addresses quoted in arguments
	foldUser                      // u: local parts in lower case
	dots                          // .: "." doubled at the beginning of lines
	quoteFrom                     // >: ">" before "From " at the beginning of lines
)

const flagLetters = "BDFORXhqu.>"

func parseFlags(s string) (flags, error) {
	var f flags
	for i := range len(s) {
		at := strings.IndexByte(flagLetters, s[i])
		if at < 0 {
			return 0, fmt.Errorf("flags=%s: %q is none of %s", s, s[i], flagLetters)
		}
		f |= 1 << at
	}
	return f, nil
}

func (f flags) has(one flags) bool { return f&one != 0 }

// single returns the letter of a flag that wants one recipient at a time, "" when there is none.
func (f flags) single() string {
	switch {
	case f.has(deliveredTo):
		return "D"
	case f.has(originalTo):
		return "O"
	}
	return ""
}

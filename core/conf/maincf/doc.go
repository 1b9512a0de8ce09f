// Package maincf reads Postfix's main.cf.
//
// Parse returns the settings with their lines; Parser is the same as a koanf.Parser, so that
// main.cf is one layer among others:
//
//	k := koanf.New("\x00")
//	err := k.Load(provider, maincf.Parser{File: "/etc/mtad/main.cf"})
//
// # Format
//
// postconf(5): a logical line (package lines) is `name = value`; white space around the name and
// the value does not count. A "#" after the beginning of a value is part of it. A name may be set
// more than once, then the last one counts. Values are not expanded here.
//
// # Invariants
//
// Names are never empty and hold no white space and no "="; values neither begin nor end with
// white space and hold no newline. Parse goes on after a line that it cannot read.
//
// # Errors
//
// A *SyntaxError names the file and the line.
package maincf

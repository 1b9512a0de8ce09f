package pattern

import (
	"regexp/syntax"
	"strings"
)

// maxAlternatives bounds one set of literals.
const maxAlternatives = 512

// required returns sets of literals; each match of the expression has a member of each set.
func required(re *syntax.Regexp) []literals {
	switch re.Op {
	case syntax.OpLiteral:
		return one(re.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		return concat(re.Sub)
	case syntax.OpAlternate:
		return alternate(re.Sub)
	}
	return nil
}

// one is the set of a literal; nil when it is too short to be of use.
func one(runes []rune) []literals {
	b := make([]byte, 0, len(runes))
	for _, r := range runes {
		if r > 0xff {
			return nil // matches no key: keys are bytes
		}
		if r >= 'A' && r <= 'Z' {
			r |= 0x20
		}
		b = append(b, byte(r))
	}
	if len(b) < minLiteral {
		return nil
	}
	return []literals{{string(b)}}
}

// concat needs what its parts need. Literals that stand side by side, with or without groups
// around them, are one.
func concat(subs []*syntax.Regexp) []literals {
	var all []literals
	var run []rune
	flush := func() {
		all = append(all, one(run)...)
		run = run[:0]
	}
	for _, sub := range subs {
		text, ok := literalRunes(sub)
		switch {
		case ok:
			run = append(run, text...)
		case takesNoText(sub):
		default:
			flush()
			all = append(all, required(sub)...)
		}
	}
	flush()
	return all
}

// literalRunes returns the text of an expression that matches one text only, in any case.
func literalRunes(re *syntax.Regexp) ([]rune, bool) {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	switch {
	case re.Op == syntax.OpLiteral:
		return re.Rune, true
	case re.Op == syntax.OpCharClass && len(re.Rune) == 4:
		// [Aa], which is what the parser makes of a letter that stands alone in any case.
		a, b := re.Rune[0], re.Rune[2]
		if a == re.Rune[1] && b == re.Rune[3] && a >= 'A' && a <= 'Z' && b == a|0x20 {
			return []rune{b}, true
		}
	}
	return nil, false
}

func takesNoText(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return false
}

// alternate needs one of what its branches need: a set that has the best of each.
func alternate(subs []*syntax.Regexp) []literals {
	var set literals
	for _, sub := range subs {
		best := longest(required(sub))
		if best == nil || len(set)+len(best) > maxAlternatives {
			return nil
		}
		for _, text := range best {
			if !containsAny(text, set) {
				set = append(set, text)
			}
		}
	}
	return []literals{set}
}

// containsAny reports whether a text of set is in text, which then adds nothing.
func containsAny(text string, set literals) bool {
	if len(set) > 64 {
		return false
	}
	for _, s := range set {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// longest returns the set whose shortest literal is the longest.
func longest(sets []literals) literals {
	var best literals
	length := 0
	for _, set := range sets {
		short := len(set[0])
		for _, text := range set {
			short = min(short, len(text))
		}
		if short > length {
			best, length = set, short
		}
	}
	return best
}

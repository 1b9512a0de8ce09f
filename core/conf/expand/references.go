package expand

import "strings"

// References returns the names that text refers to, in both operands of every condition, each
// once, in order of appearance. Text that Expand would refuse is searched as far as it goes.
func References(text string) []string {
	var names []string
	seen := map[string]bool{}
	find(text, 0, func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	})
	return names
}

func find(s string, depth int, found func(name string)) {
	if depth > maxDepth {
		return
	}
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			return
		}
		ref, rest, err := cutReference(s[i:])
		if err != nil {
			s = s[i+1:]
			continue
		}
		switch ref.kind {
		case plain:
			found(ref.text)
		case braced:
			if n := nameLength(ref.text); n > 0 {
				found(ref.text[:n])
			}
			find(ref.text, depth+1, found)
		}
		s = rest
	}
}

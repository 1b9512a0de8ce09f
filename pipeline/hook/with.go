package hook

import "slices"

// With returns a set that asks the plugins first before, and the plugins last behind, those of s.
// It shares s's plugins, their breakers included, and leaves closing them to s: Close of the new
// set must not be called.
func (s *Set) With(first, last []Plugin) *Set {
	n := &Set{o: s.o, begun: s.begun}
	index := len(s.plugins)
	own := func(list []Plugin) {
		for _, p := range list {
			n.add(&plugin{Plugin: p, name: p.Module.Manifest().Name, index: index})
			index++
		}
	}
	own(first)
	for pt, chain := range s.chains {
		n.chains[pt] = append(n.chains[pt], chain...)
	}
	n.plugins = slices.Concat(n.plugins, s.plugins)
	own(last)
	return n
}

package pattern

// literals is a set of texts in lower case of which every match of an expression has at least one.
type literals []string

// Bounds of the automaton. A literal is cut to maxLiteral bytes: what contains the literal
// contains its beginning. Literals that would make more states than maxStates are not used.
const (
	minLiteral = 2
	maxLiteral = 16
	maxStates  = 1 << 16
)

// filter finds in one pass which rules can match a key at all.
type filter struct {
	// needs has, for each rule, sets of literal numbers; all sets must have a member in the key.
	needs [][][]int32
	ac    automaton
	// triggers has, for each literal, the rules that wait for it.
	triggers [][]int32
	words    int // length of the bit set of literals
}

// scratch is what a scan found.
type scratch struct {
	rules []uint64 // rules whose trigger is there
	seen  []uint64 // literals that are there
}

func (f *filter) newScratch(words int) *scratch {
	return &scratch{rules: make([]uint64, words), seen: make([]uint64, f.words)}
}

// covers reports whether the filter knows anything about rule i.
func (f *filter) covers(i int) bool { return len(f.needs[i]) > 0 }

// newFilter makes the filter of rules that need those literals.
func newFilter(needs [][]literals) *filter {
	f := &filter{needs: make([][][]int32, len(needs))}
	b := newBuilder()
	for i, sets := range needs {
		for _, set := range sets {
			if ids, ok := b.addSet(set); ok {
				f.needs[i] = append(f.needs[i], ids)
			}
		}
	}
	f.triggers = make([][]int32, len(b.texts))
	f.words = (len(b.texts) + 63) / 64
	common := make([]int, len(b.texts))
	for _, sets := range f.needs {
		for _, set := range sets {
			for _, id := range set {
				common[id]++
			}
		}
	}
	for i, sets := range f.needs {
		for _, id := range rarest(sets, common, b.texts) {
			f.triggers[id] = append(f.triggers[id], int32(i))
		}
	}
	f.ac = b.build()
	return f
}

// rarest returns the set that the fewest rules have, so that a header name that all rules begin
// with does not wake them all; of those the one with the longest literals.
func rarest(sets [][]int32, common []int, texts []string) []int32 {
	var best []int32
	bestCommon, bestLen := 0, 0
	for _, set := range sets {
		c, short := 0, maxLiteral
		for _, id := range set {
			c, short = max(c, common[id]), min(short, len(texts[id]))
		}
		if best == nil || c < bestCommon || c == bestCommon && short > bestLen {
			best, bestCommon, bestLen = set, c, short
		}
	}
	return best
}

// scan notes the literals of key and the rules they wake.
func (f *filter) scan(key string, s *scratch) {
	clear(s.rules)
	clear(s.seen)
	f.ac.scan(key, func(id int32) {
		if s.seen[id/64]&(1<<(id%64)) != 0 {
			return
		}
		s.seen[id/64] |= 1 << (id % 64)
		for _, r := range f.triggers[id] {
			s.rules[r/64] |= 1 << (r % 64)
		}
	})
}

// possible reports whether the key has, of each set that rule i needs, a member.
func (f *filter) possible(s *scratch, i int) bool {
	for _, set := range f.needs[i] {
		if !s.any(set) {
			return false
		}
	}
	return true
}

func (s *scratch) any(set []int32) bool {
	for _, id := range set {
		if s.seen[id/64]&(1<<(id%64)) != 0 {
			return true
		}
	}
	return false
}

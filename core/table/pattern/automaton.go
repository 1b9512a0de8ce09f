package pattern

// automaton finds literals in a key, ASCII letters in any case: Aho and Corasick's machine with
// all transitions filled in.
type automaton struct {
	// class maps a byte to its column; bytes that no literal has share column 0.
	class   [256]uint16
	columns int32
	// next holds, for each state, the row of the next state by column. A row that is negative
	// (its complement is meant) has literals that end there.
	next []int32
	// ends holds the literals of a state; fall is the nearest shorter state that has some, or 0.
	ends [][]int32
	fall []int32
}

// scan calls found for each place where a literal ends.
func (a *automaton) scan(key string, found func(id int32)) {
	if len(a.next) == 0 {
		return
	}
	row := int32(0)
	for i := 0; i < len(key); i++ {
		row = a.next[row+int32(a.class[key[i]])]
		if row >= 0 {
			continue
		}
		row = ^row
		for s := row / a.columns; s != 0; s = a.fall[s] {
			for _, id := range a.ends[s] {
				found(id)
			}
		}
	}
}

// builder collects literals in a tree.
type builder struct {
	ids   map[string]int32
	texts []string
	// children of a state by byte.
	children []map[byte]int32
	ends     [][]int32
}

func newBuilder() *builder {
	return &builder{ids: map[string]int32{}, children: []map[byte]int32{{}}, ends: [][]int32{nil}}
}

// addSet adds the literals of a set; ok is false when they cannot be used.
func (b *builder) addSet(set literals) (ids []int32, ok bool) {
	if len(b.children) > maxStates || len(set) == 0 {
		return nil, false
	}
	for _, text := range set {
		if len(text) < minLiteral {
			return nil, false
		}
	}
	for _, text := range set {
		ids = append(ids, b.add(text[:min(len(text), maxLiteral)]))
	}
	return ids, true
}

func (b *builder) add(text string) int32 {
	if id, ok := b.ids[text]; ok {
		return id
	}
	id := int32(len(b.texts))
	b.ids[text], b.texts = id, append(b.texts, text)
	state := int32(0)
	for i := 0; i < len(text); i++ {
		next, ok := b.children[state][text[i]]
		if !ok {
			next = int32(len(b.children))
			b.children = append(b.children, map[byte]int32{})
			b.ends = append(b.ends, nil)
			b.children[state][text[i]] = next
		}
		state = next
	}
	b.ends[state] = append(b.ends[state], id)
	return id
}

// build fills in the transitions, breadth first: a state falls back to the longest shorter text
// that is also in the tree.
func (b *builder) build() automaton {
	a := automaton{ends: b.ends, fall: make([]int32, len(b.children))}
	if len(b.texts) == 0 {
		return a
	}
	a.columns = b.classes(&a.class)
	a.next = make([]int32, len(b.children)*int(a.columns))
	back := make([]int32, len(b.children))
	queue := []int32{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		row := a.next[s*a.columns : (s+1)*a.columns]
		if s != 0 {
			copy(row, a.next[back[s]*a.columns:(back[s]+1)*a.columns])
		}
		for c, child := range b.children[s] {
			if s != 0 {
				back[child] = stateOf(row[a.class[c]], a.columns)
			}
			a.fall[child] = back[child]
			if f := back[child]; f != 0 && len(a.ends[f]) == 0 {
				a.fall[child] = a.fall[f]
			}
			row[a.class[c]] = child * a.columns
			if len(a.ends[child]) > 0 || a.fall[child] != 0 {
				row[a.class[c]] = ^(child * a.columns)
			}
			queue = append(queue, child)
		}
	}
	foldClasses(&a.class)
	return a
}

func stateOf(row, columns int32) int32 {
	if row < 0 {
		row = ^row
	}
	return row / columns
}

// classes gives each byte that a literal has a column.
func (b *builder) classes(class *[256]uint16) int32 {
	n := uint16(1)
	for _, m := range b.children {
		for c := range m {
			if class[c] == 0 {
				class[c] = n
				n++
			}
		}
	}
	return int32(n)
}

// foldClasses gives capital letters the column of the small ones.
func foldClasses(class *[256]uint16) {
	for c := 'A'; c <= 'Z'; c++ {
		class[c] = class[c|0x20]
	}
}

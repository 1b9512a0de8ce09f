package scan

import (
	"errors"
	"strings"
)

// Limits of a set of words.
const (
	MaxWord  = 1000    // bytes of one word
	MaxTable = 8 << 20 // entries of the table: four bytes each
)

// ErrLimit says that a set or pattern is too large.
var ErrLimit = errors.New("too large to be compiled")

// Words is a set of words that are looked for all at once (Aho and Corasick, 1975), ASCII letters
// in any case. Safe for concurrent use.
type Words struct {
	class [256]uint8
	// next has a row of stride entries per state: the state after a byte of each class, as the
	// begin of its row, with the bit match set when a word ends there.
	next   []uint32
	stride uint32
	// length has, per state at which words end, the length of the longest.
	length map[uint32]int
}

// match marks states at which a word ends.
const match = 1 << 31

// CompileWords compiles a set. Empty words do not count.
func CompileWords(words []string) (*Words, error) {
	w := &Words{length: map[uint32]int{}}
	w.classes(words)
	b := builder{w: w, kids: [][]uint32{make([]uint32, w.stride)}, ends: []int{0}}
	for _, word := range words {
		if len(word) > MaxWord {
			return nil, ErrLimit
		}
		if b.add(word); len(b.kids)*int(w.stride) > MaxTable {
			return nil, ErrLimit
		}
	}
	b.link()
	return w, nil
}

// classes numbers the bytes that occur in words; 0 is every other byte.
func (w *Words) classes(words []string) {
	n := uint8(0)
	for _, word := range words {
		for i := range len(word) {
			c := lower(word[i])
			if w.class[c] == 0 {
				n++ // no more than 230: upper case letters do not count
				w.class[c] = n
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		w.class[c] = w.class[lower(c)]
	}
	w.stride = uint32(n) + 1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// builder is the tree of words before its states are linked.
type builder struct {
	w    *Words
	kids [][]uint32 // per state and class; 0 for none, since the root is nobody's kid
	ends []int      // per state: the longest word that ends there
}

func (b *builder) add(word string) {
	if word == "" {
		return
	}
	at := uint32(0)
	for i := range len(word) {
		c := b.w.class[word[i]]
		if b.kids[at][c] == 0 {
			b.kids[at][c] = uint32(len(b.kids))
			b.kids = append(b.kids, make([]uint32, b.w.stride))
			b.ends = append(b.ends, 0)
		}
		at = b.kids[at][c]
	}
	b.ends[at] = len(word)
}

// link makes the table: where a state has no kid, the state of its longest suffix goes on. States
// are visited by depth, so that those of shorter suffixes are complete.
func (b *builder) link() {
	suffix := make([]uint32, len(b.kids))
	queue := []uint32{0}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if b.ends[at] == 0 {
			b.ends[at] = b.ends[suffix[at]]
		}
		for c, kid := range b.kids[at] {
			switch {
			case kid != 0 && at != 0:
				suffix[kid] = b.kids[suffix[at]][c]
				queue = append(queue, kid)
			case kid != 0:
				queue = append(queue, kid)
			case at != 0:
				b.kids[at][c] = b.kids[suffix[at]][c]
			}
		}
	}
	b.table()
}

func (b *builder) table() {
	w := b.w
	w.next = make([]uint32, 0, len(b.kids)*int(w.stride))
	for _, kids := range b.kids {
		for _, to := range kids {
			e := to * w.stride
			if b.ends[to] > 0 {
				w.length[e] = b.ends[to]
				e |= match
			}
			w.next = append(w.next, e)
		}
	}
}

// find goes through p from state on. It returns the state behind p, or, when a word ends in p,
// where it ends and how long it is.
func (w *Words) find(state uint32, p []byte) (uint32, int, int) {
	next, class := w.next, &w.class
	for i, c := range p {
		state = next[state+uint32(class[c])]
		if state&match != 0 {
			return 0, i + 1, w.length[state&^match]
		}
	}
	return state, 0, 0
}

// SplitWords reads the words of a set: one a line, blank lines and lines that begin with "#" do
// not count, white space around a word neither.
func SplitWords(text string) []string {
	var words []string
	for line := range strings.Lines(text) {
		if word := strings.TrimSpace(line); word != "" && word[0] != '#' {
			words = append(words, word)
		}
	}
	return words
}

package sched

// Turns decides who is next among those that wait for something scarce: the requests that wait
// for a destination, the destinations that wait for a process of their transport.
//
// Everybody has a key, the turn at which it wants to be served; the lowest key is next, and among
// equal keys those that are not late come first, then those that came first. Clock is the key
// that was served last: whoever comes new asks for Clock and is before all that was pushed back,
// whoever was served asks for a later turn. So a newcomer waits for other newcomers only, and
// never for the tail of something large.
//
// One turn in PushedBackEvery goes to those that were pushed back, that is, asked for a later turn
// than the present one or are late; to each in turn. So newcomers cannot starve the tail either,
// however many there are.
//
// The zero Turns is empty. All operations take at most O(log n).
type Turns[T any] struct {
	heap        []*Place[T]
	first, last *Place[T] // those pushed back, longest waiting first
	clock, seq  uint64
	taken       uint64
}

// PushedBackEvery is the share of turns that belongs to those that were pushed back.
const PushedBackEvery = 4

// Place is one place in Turns; embed it in what waits. It is in one Turns at a time.
type Place[T any] struct {
	// Value is what waits here.
	Value T

	key, seq   uint64
	late       bool
	back       bool // in the list of those pushed back
	index      int  // in heap + 1; 0 when it waits nowhere
	prev, next *Place[T]
}

// Waits reports whether p is in a Turns.
func (p *Place[T]) Waits() bool { return p.index > 0 }

// Key returns the turn p asked for or was last served at.
func (p *Place[T]) Key() uint64 { return p.key }

// Len returns how many wait.
func (q *Turns[T]) Len() int { return len(q.heap) }

// Clock returns the turn that was served last.
func (q *Turns[T]) Clock() uint64 { return q.clock }

// Add puts p, which waits nowhere, in line for turn key, or the present one if that is over.
// Late ones come behind others of the same turn.
func (q *Turns[T]) Add(p *Place[T], key uint64, late bool) {
	q.seq++
	p.key, p.seq, p.late = max(key, q.clock), q.seq, late
	q.heap = append(q.heap, p)
	p.index = len(q.heap)
	q.up(p.index - 1)
	if p.back = late || key > q.clock; p.back {
		q.link(p)
	}
}

func (q *Turns[T]) link(p *Place[T]) {
	p.prev, p.next = q.last, nil
	if q.last != nil {
		q.last.next = p
	} else {
		q.first = p
	}
	q.last = p
}

func (q *Turns[T]) unlink(p *Place[T]) {
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		q.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		q.last = p.prev
	}
	p.back, p.prev, p.next = false, nil, nil
}

// Hasten gives p, which waits here, an earlier turn. A later one changes nothing.
func (q *Turns[T]) Hasten(p *Place[T], key uint64, late bool) {
	key = max(key, q.clock)
	if key > p.key || key == p.key && (late || !p.late) {
		return
	}
	p.key, p.late = key, late
	q.up(p.index - 1)
}

// Peek returns who is next, nil when nobody waits.
func (q *Turns[T]) Peek() *Place[T] {
	switch {
	case len(q.heap) == 0:
		return nil
	case q.taken%PushedBackEvery == PushedBackEvery-1 && q.first != nil:
		return q.first
	}
	return q.heap[0]
}

// Next takes out who is next, nil when nobody waits.
func (q *Turns[T]) Next() *Place[T] {
	p := q.Peek()
	if p == nil {
		return nil
	}
	// The turn of one pushed back does not move the clock: the tail of something large has
	// keys far ahead, and newcomers would have to start there.
	if p == q.heap[0] {
		q.clock = max(q.clock, p.key)
	}
	q.taken++
	q.Remove(p)
	return p
}

// Remove takes p out.
func (q *Turns[T]) Remove(p *Place[T]) {
	i, end := p.index-1, len(q.heap)-1
	q.swap(i, end)
	q.heap[end] = nil
	q.heap = q.heap[:end]
	if i < end && !q.down(i) {
		q.up(i)
	}
	if p.back {
		q.unlink(p)
	}
	p.index = 0
}

func (p *Place[T]) before(o *Place[T]) bool {
	switch {
	case p.key != o.key:
		return p.key < o.key
	case p.late != o.late:
		return o.late
	}
	return p.seq < o.seq
}

func (q *Turns[T]) swap(i, j int) {
	h := q.heap
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (q *Turns[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.heap[i].before(q.heap[parent]) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

// down reports whether heap[i] moved.
func (q *Turns[T]) down(i int) bool {
	start := i
	for {
		least := 2*i + 1
		if least >= len(q.heap) {
			break
		}
		if right := least + 1; right < len(q.heap) && q.heap[right].before(q.heap[least]) {
			least = right
		}
		if !q.heap[least].before(q.heap[i]) {
			break
		}
		q.swap(i, least)
		i = least
	}
	return i > start
}

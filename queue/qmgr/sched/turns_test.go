package sched

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// line is Turns of names, each of which goes on to its next turn until it had all it wants.
type line struct {
	Turns[string]
	wants map[string]int
}

func (l *line) join(name string, turns int, late bool) *Place[string] {
	p := &Place[string]{Value: name}
	if l.wants == nil {
		l.wants = map[string]int{}
	}
	l.wants[name] += turns
	l.Add(p, 0, late)
	return p
}

func (l *line) serve(n int) string {
	var names []string
	for range n {
		p := l.Next()
		if p == nil {
			break
		}
		names = append(names, p.Value)
		if l.wants[p.Value]--; l.wants[p.Value] > 0 {
			l.Add(p, p.Key()+1, p.late)
		}
	}
	return strings.Join(names, "")
}

func TestTurns(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(l *line) string
		want string
	}{
		{"who comes first is served first", func(l *line) string {
			l.join("a", 1, false)
			l.join("b", 1, false)
			l.join("c", 1, false)
			return l.serve(9)
		}, "abc"},
		{"those who want more alternate", func(l *line) string {
			l.join("a", 3, false)
			l.join("b", 3, false)
			return l.serve(9)
		}, "ababab"},
		{"a newcomer goes before the tail of something large", func(l *line) string {
			l.join("A", 100, false)
			s := l.serve(10)
			l.join("b", 1, false)
			return s + l.serve(2)
		}, "AAAAAAAAAAbA"},
		{"late ones go behind others of their turn", func(l *line) string {
			l.join("l", 1, true)
			l.join("a", 1, false)
			l.join("b", 1, false)
			return l.serve(9)
		}, "abl"},
		{"but every fourth turn is for those pushed back", func(l *line) string {
			l.join("l", 1, true)
			for _, n := range []string{"a", "b", "c", "d", "e"} {
				l.join(n, 1, false)
			}
			return l.serve(9)
		}, "abclde"},
		{"who leaves is not served", func(l *line) string {
			l.join("a", 1, false)
			b := l.join("b", 1, false)
			l.join("c", 1, false)
			l.Remove(b)
			return l.serve(9)
		}, "ac"},
		{"who is hastened comes earlier, never later", func(l *line) string {
			l.join("a", 5, false)
			l.serve(4)
			x, y := &Place[string]{Value: "x"}, &Place[string]{Value: "y"}
			l.Add(x, 50, true)
			l.Add(y, 60, true)
			l.Hasten(x, 70, false)
			l.Hasten(y, 0, false)
			return l.serve(3)
		}, "yax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.do(new(line)); got != c.want {
				t.Errorf("served %q, want %q", got, c.want)
			}
		})
	}
}

func TestAFloodOfNewcomersLeavesTheTailItsShare(t *testing.T) {
	l := new(line)
	l.join("A", 1000, false)
	l.join("B", 1000, false)
	served := map[byte]int{}
	for i := range 2000 {
		l.join("n", 1, false)
		l.wants["n"] = 1
		if s := l.serve(1); i >= 1000 {
			served[s[0]]++
		}
	}
	if a, b := served['A'], served['B']; a < 120 || b < 120 || a+b > 260 {
		t.Errorf("of 1000 turns in a flood, the tails had %d and %d, want a quarter for both", a, b)
	}
}

func TestTurnsKeepsEverybodyOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var q Turns[int]
	waiting := map[*Place[int]]bool{}
	for range 20000 {
		switch rng.IntN(5) {
		case 0, 1:
			p := &Place[int]{Value: rng.Int()}
			q.Add(p, q.Clock()+rng.Uint64N(5), rng.IntN(3) == 0)
			waiting[p] = true
		case 2:
			for p := range waiting {
				q.Hasten(p, rng.Uint64N(q.Clock()+5), rng.IntN(2) == 0)
				break
			}
		case 3:
			for p := range waiting {
				q.Remove(p)
				delete(waiting, p)
				break
			}
		default:
			p, next := q.Peek(), q.Next()
			if p != next || (p == nil) != (len(waiting) == 0) || p != nil && !waiting[p] {
				t.Fatalf("Peek %v, Next %v, %d waiting", p, next, len(waiting))
			}
			delete(waiting, p)
		}
		if q.Len() != len(waiting) {
			t.Fatalf("%d in line, %d waiting", q.Len(), len(waiting))
		}
	}
	for p := range waiting {
		if !p.Waits() {
			t.Fatal("one was dropped")
		}
	}
	for q.Next() != nil {
	}
	if q.Len() != 0 || q.first != nil || q.last != nil {
		t.Error("not empty at the end")
	}
}

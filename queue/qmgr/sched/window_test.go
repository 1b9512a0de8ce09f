package sched

import (
	"math/rand/v2"
	"testing"
)

func postfix() *Limits {
	one := Feedback{Amount: 1}
	return &Limits{Initial: 5, Max: 20, Positive: one, Negative: one, Cohorts: 1}
}

func opened(l *Limits) *Window {
	w := new(Window)
	w.Open(l)
	return w
}

func TestAWindowGrowsAsItIsUsed(t *testing.T) {
	for _, c := range []struct {
		name      string
		change    func(*Limits)
		busy      int
		successes int
		want      int
	}{
		{"by one for each success", func(*Limits) {}, 100, 3, 8},
		{"up to the limit", func(*Limits) {}, 100, 100, 20},
		{"without a limit", func(l *Limits) { l.Max = 0 }, 1000, 100, 105},
		{"not far beyond what is used", func(*Limits) {}, 1, 100, 6},
		{"by one for a whole window with 1/concurrency", func(l *Limits) { l.Positive.Form = PerWindow }, 100, 5 + 6, 7},
		{"in between with 1/sqrt_concurrency", func(l *Limits) { l.Positive.Form = PerRootWindow }, 100, 5, 7},
		{"not at all with 0", func(l *Limits) { l.Positive.Amount = 0 }, 100, 100, 5},
		{"and begins at the limit if that is below the initial size", func(l *Limits) { l.Max = 2 }, 100, 0, 2},
		{"or at one if that makes no sense", func(l *Limits) { l.Initial = 0 }, 100, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := postfix()
			c.change(l)
			w := opened(l)
			for range c.successes {
				w.Succeed(l, c.busy)
			}
			if w.Size() != c.want {
				t.Errorf("size %d, want %d", w.Size(), c.want)
			}
		})
	}
}

func TestAWindowShrinksAndDies(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*Limits)
		failures int
		want     int
	}{
		{"by one for each failure", func(l *Limits) { l.Cohorts = 0 }, 3, 2},
		{"down to one", func(l *Limits) { l.Cohorts = 0 }, 100, 1},
		{"dead after a cohort", func(*Limits) {}, 4, 0},
		{"and not earlier", func(*Limits) {}, 3, 2},
		{"a constant window needs as many failures as it is wide", func(l *Limits) { l.Negative.Amount = 0 }, 4, 5},
		{"and then is dead", func(l *Limits) { l.Negative.Amount = 0 }, 5, 0},
		{"three cohorts last three times as long", func(l *Limits) { l.Cohorts, l.Negative.Amount = 3, 0 }, 14, 5},
		{"and not longer", func(l *Limits) { l.Cohorts, l.Negative.Amount = 3, 0 }, 15, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := postfix()
			c.change(l)
			w := opened(l)
			died := 0
			for range c.failures {
				if w.Fail(l) {
					died++
				}
			}
			if w.Size() != c.want || (died == 1) != w.Dead() {
				t.Errorf("size %d, died %d times; want %d", w.Size(), died, c.want)
			}
		})
	}
}

func TestASuccessForgivesFailures(t *testing.T) {
	l := postfix()
	w := opened(l)
	for range 1000 {
		w.Fail(l)
		w.Fail(l)
		w.Succeed(l, 5)
		if w.Dead() {
			t.Fatal("dead although every third delivery reached it")
		}
	}
	w.Kill()
	if w.Succeed(l, 1); w.Size() != 5 {
		t.Errorf("size %d after coming back to life, want the initial 5", w.Size())
	}
}

func TestAWindowStaysInItsBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		l := &Limits{Initial: rng.IntN(30), Max: rng.IntN(30), Cohorts: float64(rng.IntN(3)),
			Positive: Feedback{rng.Float64(), Form(rng.IntN(3))}, Negative: Feedback{rng.Float64(), Form(rng.IntN(3))}}
		w := opened(l)
		for range 500 {
			was := w.Dead()
			if rng.IntN(2) == 0 {
				w.Succeed(l, 1+rng.IntN(40))
			} else if died := w.Fail(l); died != (!was && w.Dead()) {
				t.Fatalf("died = %v, but dead %v → %v", died, was, w.Dead())
			}
			if w.Size() < 0 || l.Max > 0 && w.Size() > l.Max || w.Dead() && l.Cohorts == 0 {
				t.Fatalf("size %d with %+v", w.Size(), l)
			}
		}
	}
}

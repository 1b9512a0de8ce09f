package sched

// Limits bound and move the windows of one transport.
type Limits struct {
	// Initial is the size of a new window (postconf(5) initial_destination_concurrency).
	Initial int
	// Max is its greatest size, 0 for no limit (default_destination_concurrency_limit).
	Max int
	// Positive and Negative are what a delivery and a failure add and take.
	Positive, Negative Feedback
	// Cohorts is how many cohorts – as many failures in a row as the window is wide – make
	// a destination dead; 0 for never (…_destination_concurrency_failed_cohort_limit).
	Cohorts float64
}

// Window is how many deliveries a destination may have under way at a time. It grows while
// deliveries reach the destination and shrinks when they do not, as postconf(5)
// default_destination_concurrency_positive_feedback describes. The zero Window is dead: Open it.
type Window struct {
	size             int
	success, failure float64 // feedback that has not moved the window yet
	cohorts          float64 // failed cohorts since the last success
}

// rounding is what sums of 1/N may lack to a whole step.
const rounding = 1e-9

// Open makes the window live, at its initial size.
func (w *Window) Open(l *Limits) {
	size := max(l.Initial, 1)
	if l.Max > 0 {
		size = min(size, l.Max)
	}
	*w = Window{size: size}
}

// Size returns the deliveries allowed, 0 for a dead destination.
func (w *Window) Size() int { return w.size }

// Dead reports whether the destination is dead.
func (w *Window) Dead() bool { return w.size == 0 }

// Succeed notes that a delivery reached the destination while busy deliveries, itself included,
// were under way. It brings a dead destination back to life.
func (w *Window) Succeed(l *Limits, busy int) {
	w.cohorts = 0
	if w.size == 0 {
		w.Open(l)
		return
	}
	// A window far above what is really used would let negative feedback come too late, so
	// it stays within the initial size of it.
	if w.size >= busy+max(l.Initial, 1) || l.Max > 0 && w.size >= l.Max {
		return
	}
	for w.success += l.Positive.At(w.size); w.success+rounding >= 1; w.success-- {
		w.size++
		w.failure = 0
	}
	if l.Max > 0 {
		w.size = min(w.size, l.Max)
	}
}

// Fail notes that a delivery could not reach the destination, and reports whether that made it
// dead. Failures at a dead destination change nothing.
func (w *Window) Fail(l *Limits) (died bool) {
	if w.size == 0 {
		return false
	}
	w.cohorts += 1 / float64(w.size)
	if l.Cohorts > 0 && w.cohorts+rounding >= l.Cohorts {
		*w = Window{}
		return true
	}
	for w.failure += l.Negative.At(w.size); w.failure+rounding >= 1; w.failure-- {
		w.size = max(w.size-1, 1)
		w.success = 0
	}
	return false
}

// Kill makes the destination dead.
func (w *Window) Kill() { *w = Window{} }

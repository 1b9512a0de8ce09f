package sched

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Form says how the amount of a Feedback depends on the window.
type Form uint8

// The forms: a constant, divided by the window, divided by the square root of the window.
const (
	Constant Form = iota
	PerWindow
	PerRootWindow
)

// Feedback is by how much one delivery moves a window: postconf(5)
// default_destination_concurrency_positive_feedback and …_negative_feedback.
type Feedback struct {
	// Amount is from 0 (the window never moves) to 1.
	Amount float64
	Form   Form
}

// At returns the feedback of one delivery at a window of size ≥ 1.
func (f Feedback) At(size int) float64 {
	switch f.Form {
	case PerWindow:
		return f.Amount / float64(max(size, 1))
	case PerRootWindow:
		return f.Amount / math.Sqrt(float64(max(size, 1)))
	}
	return f.Amount
}

// String returns f as main.cf has it: "1", "1/concurrency", "0.5/sqrt_concurrency".
func (f Feedback) String() string {
	s := strconv.FormatFloat(f.Amount, 'g', -1, 64)
	switch f.Form {
	case PerWindow:
		return s + "/concurrency"
	case PerRootWindow:
		return s + "/sqrt_concurrency"
	}
	return s
}

// ParseFeedback reads "number", "number / concurrency" or "number / sqrt_concurrency", with a
// number from 0 to 1 (postconf(5) default_destination_concurrency_positive_feedback).
func ParseFeedback(s string) (Feedback, error) {
	number, form, divided := strings.Cut(s, "/")
	var f Feedback
	switch strings.TrimSpace(form) {
	case "concurrency":
		f.Form = PerWindow
	case "sqrt_concurrency":
		f.Form = PerRootWindow
	default:
		if divided {
			return Feedback{}, fmt.Errorf("feedback %q: want concurrency or sqrt_concurrency behind the slash", s)
		}
	}
	var err error
	f.Amount, err = strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(f.Amount >= 0 && f.Amount <= 1) {
		return Feedback{}, fmt.Errorf("feedback %q: want a number from 0 to 1", s)
	}
	return f, nil
}

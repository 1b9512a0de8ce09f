package sched

import (
	"strings"
	"testing"
)

func TestParseFeedback(t *testing.T) {
	for _, c := range []struct {
		text string
		want Feedback
		ok   bool
	}{
		{"1", Feedback{Amount: 1}, true},
		{"0", Feedback{}, true},
		{" 0.5 ", Feedback{Amount: 0.5}, true},
		{"1/concurrency", Feedback{1, PerWindow}, true},
		{"1 / sqrt_concurrency", Feedback{1, PerRootWindow}, true},
		{"", Feedback{}, false},
		{"2", Feedback{}, false},
		{"-1", Feedback{}, false},
		{"NaN", Feedback{}, false},
		{"1/", Feedback{}, false},
		{"1/2", Feedback{}, false},
		{"one", Feedback{}, false},
		{"1/concurrency/concurrency", Feedback{}, false},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := ParseFeedback(c.text)
			if got != c.want || (err == nil) != c.ok {
				t.Errorf("ParseFeedback = %v, %v", got, err)
			}
		})
	}
}

func FuzzParseFeedback(f *testing.F) {
	for _, s := range []string{"1", "0.25/concurrency", "1 / sqrt_concurrency", "1e-3", "+Inf", "0x1p-2", "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fb, err := ParseFeedback(s)
		if err != nil {
			if fb != (Feedback{}) || !strings.Contains(err.Error(), "feedback") {
				t.Errorf("%q: %v, %v", s, fb, err)
			}
			return
		}
		if again, err := ParseFeedback(fb.String()); err != nil || again != fb {
			t.Errorf("%q → %v → %v, %v", s, fb, again, err)
		}
		for _, size := range []int{0, 1, 5, 1000} {
			if v := fb.At(size); !(v >= 0 && v <= 1) {
				t.Errorf("%q: feedback %v at %d", s, v, size)
			}
		}
	})
}

package wasm

import (
	"errors"
	"testing"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

func TestAFuelLimitEndsALoopWhateverTheTime(t *testing.T) {
	m := load(t, Options{Memory: 4 << 20, Fuel: 1_000_000})
	var before uint64
	for range 3 {
		_, err := call(m, sdk.PointConnect, time.Minute)
		var f *Failure
		if !errors.Is(err, ErrFuel) || !errors.As(err, &f) || f.Stack == "" {
			t.Fatalf("got %v", err)
		}
		_, now := m.Usage(sdk.PointConnect)
		if n := now - before; n < 1_000_000 || n > 1_010_000 {
			t.Errorf("the loop burnt %d", n)
		}
		before = now
	}
	if a, err := call(m, sdk.PointEOM, time.Minute); a != sdk.ActContinue || err != nil {
		t.Fatalf("the next call got %v, %v", a, err)
	}
}

func TestTheSameWorkBurnsTheSameFuel(t *testing.T) {
	m := load(t, Options{Memory: 4 << 20})
	var costs []uint64
	for range 3 {
		_, before := m.Usage(sdk.PointData)
		if a, err := call(m, sdk.PointData, time.Minute); a != sdk.ActContinue || err != nil {
			t.Fatalf("%v %v", a, err)
		}
		_, after := m.Usage(sdk.PointData)
		costs = append(costs, after-before)
	}
	if costs[0] == 0 || costs[0] != costs[1] || costs[1] != costs[2] {
		t.Errorf("three equal calls burnt %v", costs)
	}
}

func TestUsageKnowsTheMostMemoryOfEachHook(t *testing.T) {
	m := load(t, Options{Memory: 4 << 20})
	for _, p := range []sdk.Point{sdk.PointMail, sdk.PointEOM} {
		if _, err := call(m, p, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	grown, _ := m.Usage(sdk.PointMail) // grows as far as it may
	usual, _ := m.Usage(sdk.PointEOM)
	if none, _ := m.Usage(sdk.PointConnect); none != 0 || usual == 0 || grown <= usual || grown > 4<<20 {
		t.Errorf("memory: %d where it grows, %d where not, %d where it was not called", grown, usual, none)
	}
}

package wasm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// fakeHost is a host with one property.
type fakeHost struct{ initHost }

func (*fakeHost) Get(key string) (string, sdk.Errno) {
	if key == "helo" {
		return "client.example", sdk.OK
	}
	return "", sdk.ErrNotFound
}

func (*fakeHost) HdrFind(string, int) int { return -1 }
func (*fakeHost) BodyRead(off int64, _ []byte) (int, sdk.Errno) {
	if off < 0 {
		return 0, sdk.ErrInvalid
	}
	return 0, sdk.OK
}

func load(t testing.TB, o Options) *Module {
	t.Helper()
	bin, err := os.ReadFile("testdata/hostile.wasm")
	if err != nil {
		t.Fatal(err)
	}
	o.Name = "hostile"
	m, err := Load(context.Background(), bin, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	return m
}

func call(m *Module, p sdk.Point, limit time.Duration) (sdk.Action, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return m.Call(ctx, p, &fakeHost{initHost{m: m}})
}

func TestAHostileGuestHurtsOnlyItsCall(t *testing.T) {
	m := load(t, Options{Memory: 4 << 20})
	for _, c := range []struct {
		name, want string
		p          sdk.Point
	}{
		{"a loop ends at its deadline", "time limit exceeded", sdk.PointConnect},
		{"a trap is an error with the guest's stack", "unreachable at", sdk.PointHelo},
		{"endless recursion ends in its own stack", "at deep", sdk.PointRcpt},
		{"a storm of host calls ends at its limit", "too many host calls", sdk.PointAbort},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := 20 * time.Millisecond
			if c.p == sdk.PointAbort {
				limit = time.Minute // it is the count that ends it
			}
			_, err := call(m, c.p, limit)
			var f *Failure
			if !errors.As(err, &f) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if a, err := call(m, sdk.PointEOM, time.Second); a != sdk.ActContinue || err != nil {
				t.Fatalf("the next call got %v, %v", a, err)
			}
		})
	}
}

func TestMemoryGrowsToItsLimitAndNotBeyond(t *testing.T) {
	m := load(t, Options{Memory: 4 << 20})
	for range 50 {
		if a, err := call(m, sdk.PointMail, time.Second); a != sdk.ActContinue || err != nil {
			t.Fatalf("got %v, %v", a, err)
		}
	}
	m.pool.mu.Lock()
	defer m.pool.mu.Unlock()
	for _, in := range m.pool.free {
		if in.mem.Size() > uint32(len(m.image.memory)) {
			t.Fatalf("an instance with %d bytes of memory was kept, the snapshot has %d", in.mem.Size(), len(m.image.memory))
		}
	}
}

func TestBadPointersAreAnswered(t *testing.T) {
	m := load(t, Options{})
	if a, err := call(m, sdk.PointData, time.Second); a != sdk.ActContinue || err != nil {
		t.Fatalf("got %v, %v", a, err)
	}
}

func TestNothingIsLeftForTheNextMessage(t *testing.T) {
	for _, c := range []struct {
		name string
		keep bool
		want sdk.Action
	}{{"with isolation", false, 0}, {"without isolation the guest counts on", true, 2}} {
		t.Run(c.name, func(t *testing.T) {
			m := load(t, Options{Keep: c.keep, Instances: 1})
			var got sdk.Action
			for range 3 {
				var err error
				if got, err = call(m, sdk.PointEOM, time.Second); err != nil {
					t.Fatal(err)
				}
			}
			if got != c.want {
				t.Fatalf("the third call answered %d, want %d", got, c.want)
			}
		})
	}
}

func TestAConfigurationMustGrantWhatIsAskedFor(t *testing.T) {
	bin := append([]byte("\x00asm\x01\x00\x00\x00"), importing("mtad1_edit", "hdr_del")...)
	_, err := Load(context.Background(), bin, Options{Name: "x"})
	if err == nil || !strings.Contains(err.Error(), `allow = ["edit"]`) {
		t.Fatalf("got %v", err)
	}
	bin = append([]byte("\x00asm\x01\x00\x00\x00"), importing("mtad1_kv", "kv_list")...)
	if _, err = Load(context.Background(), bin, Options{Name: "x"}); err == nil || !strings.Contains(err.Error(), "mtad1_kv.kv_list") {
		t.Fatalf("got %v", err)
	}
}

// importing encodes a module that imports one function (i32) -> (i32), and has a marker, a
// memory and an eom hook.
func importing(module, name string) []byte {
	var b bytes.Buffer
	section := func(id byte, body ...byte) { b.Write(append([]byte{id, byte(len(body))}, body...)) }
	str := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	section(1, 3, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0, 0x60, 0, 1, 0x7f)
	section(2, bytes.Join([][]byte{{1}, str(module), str(name), {0, 0}}, nil)...)
	section(3, 2, 1, 2)
	section(5, 1, 0, 1)
	section(7, bytes.Join([][]byte{{3}, str("memory"), {2, 0}, str("mtad_abi_1"), {0, 1}, str("mtad_eom"), {0, 2}}, nil)...)
	section(10, 2, 2, 0, 0x0b, 4, 0, 0x41, 0, 0x0b)
	return b.Bytes()
}

func TestCallsFromManySessions(t *testing.T) {
	m := load(t, Options{Instances: 2})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				p := []sdk.Point{sdk.PointEOM, sdk.PointHelo, sdk.PointData}[i%3]
				a, err := call(m, p, time.Second)
				if (err != nil) != (p == sdk.PointHelo) || a != 0 {
					t.Errorf("%s: %v, %v", p, a, err)
				}
			}
		})
	}
	wg.Wait()
	if err := m.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkCall(b *testing.B) {
	m := load(b, Options{})
	h := &fakeHost{initHost{m: m}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Call(ctx, sdk.PointEOM, h); err != nil {
			b.Fatal(err)
		}
	}
}

// A machine with too much to do must not turn good mail away: a guest is stopped for the time that
// it used, not for the time in which it was not let run. The stall is written into the clock here.
func TestAGuestThatWasKeptFromRunningMayGoOn(t *testing.T) {
	const limit = 50 * time.Millisecond
	for _, c := range []struct {
		name  string
		looks []time.Duration // between one look at the clock and the next
		stops bool
	}{
		{"it ran all the time", slices.Repeat([]time.Duration{time.Millisecond / 10}, 501), true},
		{"it made dear host calls all the time", slices.Repeat([]time.Duration{2 * time.Millisecond}, 26), true},
		{"it was not let run", []time.Duration{time.Millisecond, 60 * time.Millisecond, time.Millisecond}, false},
		{"it was not let run, and then ran on", append([]time.Duration{60 * time.Millisecond}, slices.Repeat([]time.Duration{time.Millisecond}, 13)...), true},
		{"it was not let run for very long", []time.Duration{time.Millisecond, 600 * time.Millisecond}, true},
		{"there is time left", slices.Repeat([]time.Duration{time.Millisecond}, 40), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				in := &instance{begun: begun, looked: begun, deadline: begun.Add(limit)}
				defer func() {
					if stopped := recover() == ErrTime; stopped != c.stops {
						t.Errorf("stopped: %v, want %v", stopped, c.stops)
					}
				}()
				for _, d := range c.looks {
					time.Sleep(d)
					in.outOfTime()
				}
			})
		})
	}
}

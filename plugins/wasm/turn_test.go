package wasm

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// longBody has a megabyte of text.
type longBody struct{ fakeHost }

func (*longBody) BodyRead(off int64, b []byte) (int, sdk.Errno) {
	n := min(int64(len(b)), 1<<20-off)
	return int(copy(b, bytes.Repeat([]byte("x"), int(n)))), sdk.OK
}

// A call that had to wait for its turn has its whole time when the turn comes: many messages at once are no
// failure of the plugin.
func TestWaitingForATurnIsNotTheGuestsTime(t *testing.T) {
	const limit = 500 * time.Millisecond
	bin, err := os.ReadFile("testdata/words.wasm")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(t.Context(), bin, Options{Name: "words", Instances: 1, Config: map[string]string{"words": "never"}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	taken, err := m.pool.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := m.Call(from(t.Context(), limit), sdk.PointEOM, &longBody{fakeHost{initHost{m: m}}})
		ended <- err
	}()
	time.Sleep(limit + limit/10)
	m.pool.put(taken)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestACallWaitsForItsTurnAsLongAsThereIsHope(t *testing.T) {
	for name, c := range map[string]struct {
		hung  bool
		after time.Duration
	}{"others are at work": {false, maxWait}, "others ran out of time": {true, hungWait}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p pool
				p.init(1)
				if _, err := p.get(t.Context()); err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				if c.hung {
					time.AfterFunc(hungWait/2, func() { p.hung.Add(1) })
				}
				if _, err := p.get(t.Context()); err == nil || !strings.Contains(err.Error(), "busy for "+c.after.String()) || time.Since(begun) != c.after {
					t.Errorf("%v after %v, want after %v", err, time.Since(begun), c.after)
				}
				time.AfterFunc(5*hungWait, p.lost)
				if _, err := p.get(t.Context()); err != nil {
					t.Errorf("a turn that comes: %v", err)
				}
			})
		})
	}
}

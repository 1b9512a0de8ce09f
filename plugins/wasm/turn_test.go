package wasm

import (
	"bytes"
	"context"
	"os"
	"testing"
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

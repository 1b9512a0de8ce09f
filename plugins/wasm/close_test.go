package wasm

import (
	"context"
	"testing"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// slowHost keeps a call under way until it is let go.
type slowHost struct {
	fakeHost
	reached, let chan struct{}
}

func (h *slowHost) HdrCount() int {
	select {
	case h.reached <- struct{}{}:
	default:
	}
	<-h.let
	return 0
}

func TestAModuleIsFreedOnlyWhenNoCallIsUnderWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		gaveUp bool // Close waits for less than the call takes
	}{{"Close waits for the call", false}, {"the call ends after Close gave up", true}} {
		t.Run(c.name, func(t *testing.T) {
			closed := make(chan struct{})
			m := load(t, Options{Closed: func() { close(closed) }})
			h := &slowHost{fakeHost{initHost{m: m}}, make(chan struct{}, 1), make(chan struct{})}
			ended := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
				defer cancel()
				_, err := m.Call(ctx, sdk.PointAbort, h)
				ended <- err
			}()
			<-h.reached
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if c.gaveUp {
				cancel()
				if err := m.Close(ctx); err == nil {
					t.Error("Close says that it is closed while a call is under way")
				}
			} else {
				go m.Close(ctx)
			}
			select {
			case <-closed:
				t.Error("freed while a call is under way")
			default:
			}
			close(h.let)
			<-closed
			if err := <-ended; err == nil {
				t.Error("an endless call ended well")
			}
			if _, err := call(m, sdk.PointEOM, time.Second); err == nil {
				t.Error("a closed module was called")
			}
		})
	}
}

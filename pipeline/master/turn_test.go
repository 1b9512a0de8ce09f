package master

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// A server closes its turn again when the next one may have ended, too: that must not take the end away
// from it.
func TestATurnThatIsClosedTwiceLeavesTheNextAlone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &port{l: l}
	accepting := func(turn *turn) chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := turn.Accept()
			ended <- err
		}()
		return ended
	}
	for range 5000 {
		first := p.next()
		a := accepting(first)
		second := p.next()
		b := accepting(second)
		var closing sync.WaitGroup
		closing.Go(func() { first.Close() })
		go second.Close()
		for _, ended := range []chan error{a, b} {
			select {
			case err := <-ended:
				if !errors.Is(err, net.ErrClosed) {
					t.Fatal(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("a turn that was closed goes on")
			}
		}
		closing.Wait()
		second.Close()
	}
}

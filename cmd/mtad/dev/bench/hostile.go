package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mtad/mtad/cmd/mtad/dev/sink"
	"github.com/mtad/mtad/cmd/mtad/dev/source"
)

// victim is the recipient to whose mail hostile guests are hostile. The domain has a sink of its own.
const (
	victim       = "victim@" + victimDomain
	victimDomain = "victim.invalid"
)

// abuses is what the guests do, a plugin each, so that each has a breaker of its own.
func abuses() []string {
	return []string{"loop", "recursion", "bomb", "calls", "log", "class", "inject", "negative", "trap", "print"}
}

// hostileTOML configures the guests (plugins/wasm/wasmtest/testdata/abuse.c); calm ones do nothing.
func hostileTOML(module string, hostile bool) string {
	var b strings.Builder
	for _, abuse := range abuses() {
		do := abuse
		if !hostile {
			do = "nothing"
		}
		fmt.Fprintf(&b, "[[plugin]]\nname = %q\nwasm = %q\nhooks = [\"eom\"]\nallow = [\"edit\", \"kv\", \"scan\"]\non_error = \"continue\"\n"+
			"[plugin.config]\ndo = %q\nrcpt = %q\n", abuse, module, do, victim)
	}
	return b.String()
}

// pace is the time between two messages of the stream that the guests are hostile to.
const pace = 25 * time.Millisecond

// trouble sends that stream until the function that it returns is called, which reports in err if not
// one message came through.
func (d *daemon) trouble(ctx context.Context, s *sink.Sink, err *error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ctx.Err() == nil; i++ {
			source.Run(ctx, source.Options{Network: "tcp", Addr: d.addr, Messages: 1, Sessions: 1, Size: 4096,
				From: "a@source.invalid", Rcpt: victim, Tag: fmt.Sprint("trouble", i), Timeout: Limit})
			select {
			case <-time.After(pace):
			case <-ctx.Done():
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		if *err == nil && s.Counts().Unique == 0 {
			*err = fmt.Errorf("no message of the second stream arrived")
		}
	}
}

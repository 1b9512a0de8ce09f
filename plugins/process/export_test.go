package process

import (
	"time"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// Serve calls one function of the host, as a frame of a process does.
func Serve(h sdk.Host, op *wire.Op) *wire.Answer { return (&lane{}).serve(h, op) }

// Delays are the pauses before the starts of a process that ran for so long each time.
func Delays(ran ...time.Duration) (all []time.Duration) {
	var b backoff
	for _, r := range ran {
		all = append(all, b.next(r))
	}
	return all
}

// Pid is the process of the moment, 0 when there is none.
func (m *Module) Pid() int {
	if c := m.child.Load(); c != nil {
		return c.run.pid()
	}
	return 0
}

// Lines puts text, in the pieces given, through a stream with a clock that stands still.
func Lines(log func(sdk.Level, string), pieces ...string) (last string) {
	w := newWords(log)
	w.now = func() time.Time { return time.Unix(1, 0) }
	s := &stream{to: w}
	for _, p := range pieces {
		_, _ = s.Write([]byte(p))
	}
	return w.said()
}

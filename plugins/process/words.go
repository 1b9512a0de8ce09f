package process

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// Limits of what a process may write to the log.
const (
	maxLine    = 1000 // bytes; what is longer is cut
	burstLines = 100
	linesPerS  = 10
)

// words puts what a process writes into the log, line by line, and remembers the last one that was not
// empty. Safe for concurrent use.
type words struct {
	log func(sdk.Level, string)
	now func() time.Time

	mu      sync.Mutex
	last    string
	budget  float64
	at      time.Time
	dropped int
}

func newWords(log func(sdk.Level, string)) *words {
	return &words{log: log, now: time.Now, budget: burstLines}
}

// line takes a line of a stream.
func (w *words) line(text string) { w.leveled(sdk.LevelInfo, text) }

// leveled takes a line that has a level.
func (w *words) leveled(level sdk.Level, text string) {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text))
	if text == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = text
	now := w.now()
	if !w.at.IsZero() {
		w.budget = min(w.budget+now.Sub(w.at).Seconds()*linesPerS, burstLines)
	}
	if w.at = now; w.budget < 1 {
		w.dropped++
		return
	}
	w.budget--
	if w.dropped > 0 {
		w.log(sdk.LevelWarn, fmt.Sprintf("it writes too much: %d lines were dropped", w.dropped))
		w.dropped = 0
	}
	w.log(level, text)
}

// said is the last line, as the end of a sentence.
func (w *words) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == "" {
		return ""
	}
	return ": " + w.last[:min(len(w.last), 200)]
}

// stream is an io.Writer that cuts what is written into lines. One goroutine writes.
type stream struct {
	to   *words
	part []byte
}

// Write takes a piece of the stream; it never fails.
func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.keep(p)
			return n, nil
		}
		s.keep(p[:i])
		s.to.line(string(s.part))
		s.part, p = s.part[:0], p[i+1:]
	}
}

func (s *stream) keep(p []byte) { s.part = append(s.part, p[:min(len(p), maxLine-len(s.part))]...) }

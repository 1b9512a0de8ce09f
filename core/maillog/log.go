package maillog

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

// FlushAfter is how long a line may wait in memory.
const FlushAfter = 50 * time.Millisecond

const bufferSize = 64 << 10

// Options say where and how to log.
type Options struct {
	// Writer gets the lines. Not closed by the log.
	Writer io.Writer
	// Copy gets what Writer gets, in the same pieces of whole lines, and must not fail; nil for
	// none. It outlives Reopen.
	Copy io.Writer
	// Name is syslog_name ("postfix"); Host the host name of each line, "" for none.
	Name, Host string
	// JSON chooses objects instead of Postfix's lines.
	JSON bool
	// DelayDigits is how many digits delays below ten seconds have after the point at most
	// (postconf(5) delay_logging_resolution_limit); 0 means 2, and a negative one none.
	DelayDigits int
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Log is one mail log. Safe for concurrent use.
type Log struct {
	o      Options
	pid    string
	digits int // of Options.DelayDigits, 0 to 6

	mu     sync.Mutex
	buf    []byte
	second int64  // the second that stamp shows
	stamp  []byte // "Nov 23 01:02:03 host "
	timer  *time.Timer
	armed  bool
	lost   int
}

// New returns a log that writes to o.Writer. Call Flush before the end of the process.
func New(o Options) *Log {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Name == "" {
		o.Name = "postfix"
	}
	digits := min(max(o.DelayDigits, 0), 6)
	if o.DelayDigits == 0 {
		digits = 2
	}
	return &Log{o: o, digits: digits, pid: strconv.Itoa(os.Getpid()), buf: make([]byte, 0, bufferSize)}
}

// Discard returns a log that keeps nothing.
func Discard() *Log { return New(Options{Writer: io.Discard}) }

// Flush writes what is in memory.
func (l *Log) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
}

// Reopen writes what is in memory and goes on with w (log rotation).
func (l *Log) Reopen(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	l.o.Writer = w
}

// Lost returns the number of writes that failed.
func (l *Log) Lost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *Log) flush() {
	if len(l.buf) == 0 {
		return
	}
	if _, err := l.o.Writer.Write(l.buf); err != nil {
		if l.lost == 0 {
			fmt.Fprintln(os.Stderr, "mtad: the mail log cannot be written:", err)
		}
		l.lost++
	}
	if l.o.Copy != nil {
		_, _ = l.o.Copy.Write(l.buf)
	}
	l.buf = l.buf[:0]
}

// line appends one line made by fn, and flushes it now or within FlushAfter.
func (l *Log) line(tag string, now bool, fn func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(fn(l.begin(tag)), '\n')
	l.written(now)
}

func (l *Log) written(now bool) {
	if now || len(l.buf) > bufferSize*3/4 {
		l.flush()
		return
	}
	if !l.armed {
		l.armed = true
		if l.timer == nil {
			l.timer = time.AfterFunc(FlushAfter, l.later)
		} else {
			l.timer.Reset(FlushAfter)
		}
	}
}

// later is the timer's: the one flush that written asked for.
func (l *Log) later() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	l.flush()
}

// begin appends time stamp, host and tag to the buffer.
func (l *Log) begin(tag string) []byte {
	now := l.o.Clock()
	if s := now.Unix(); s != l.second || l.stamp == nil {
		l.second = s
		l.stamp = now.AppendFormat(l.stamp[:0], time.Stamp)
		l.stamp = append(l.stamp, ' ')
		if l.o.Host != "" {
			l.stamp = append(append(l.stamp, l.o.Host...), ' ')
		}
	}
	b := append(l.buf, l.stamp...)
	b = append(append(b, tag...), '[')
	return append(append(b, l.pid...), "]: "...)
}

package wasm

import (
	"bytes"

	"github.com/mtad/mtad/plugins/sdk"
)

// maxLine is the most bytes of a line of output that are kept until its end comes.
const maxLine = 1000

// lineLog takes what a guest writes to its standard output and error into the log, line by line:
// a runtime that panics writes each word on its own. A call's last line ends with the call, so
// that nothing of one message stands in the log of another.
type lineLog struct {
	kept []byte // the begin of a line
}

// write logs the lines that end in text.
func (l *lineLog) write(h sdk.Host, text []byte) {
	for len(text) > 0 {
		line, rest, ended := bytes.Cut(text, []byte("\n"))
		l.kept = append(l.kept, line[:min(len(line), maxLine-len(l.kept))]...)
		if text = rest; ended {
			l.flush(h)
		}
	}
}

// flush logs what there is of a line.
func (l *lineLog) flush(h sdk.Host) {
	if len(l.kept) == 0 {
		return
	}
	h.Log(sdk.LevelInfo, string(bytes.TrimSuffix(l.kept, []byte("\r"))))
	l.kept = l.kept[:0]
}

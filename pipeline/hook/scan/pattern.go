package scan

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"sync"
)

// Limits of a pattern.
const (
	MaxPattern = 4000 // bytes
	maxProgram = 5000 // instructions of its program
)

// Pattern is a compiled regular expression, of RE2's syntax: its time is linear in the text. Safe
// for concurrent use.
type Pattern struct {
	re *regexp.Regexp
	// cost is the number of instructions: about what each byte of the text can cost.
	cost int
}

// CompilePattern compiles an expression.
func CompilePattern(expr string) (*Pattern, error) {
	if len(expr) > MaxPattern {
		return nil, ErrLimit
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	if len(prog.Inst) > maxProgram {
		return nil, ErrLimit
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	return &Pattern{re, len(prog.Inst)}, nil
}

// Texts that are smaller than a reader's buffer are matched in memory, unless that could cost more
// than maxWork steps in one go.
const maxWork = 2 << 20

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 16<<10) }}

// find returns the first match in what r has; begin is -1 when there is none. The error is the
// reader's.
func (p *Pattern) find(r io.Reader) (begin, end int64, err error) {
	e := &errReader{r: r}
	b := readers.Get().(*bufio.Reader)
	defer readers.Put(b)
	defer b.Reset(nil)
	b.Reset(e)
	var loc []int
	if text, err := b.Peek(b.Size()); err == io.EOF && len(text)*p.cost <= maxWork {
		loc = p.re.FindIndex(text)
	} else if e.err == nil {
		loc = p.re.FindReaderIndex(b)
	}
	if e.err != nil {
		return 0, 0, e.err
	}
	if loc == nil {
		return -1, -1, nil
	}
	return int64(loc[0]), int64(loc[1]), nil
}

// errReader keeps the error of a reader, since regexp does not say it.
type errReader struct {
	r   io.Reader
	err error
}

// Read reads.
func (e *errReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && err != io.EOF {
		e.err = err
	}
	return n, err
}
